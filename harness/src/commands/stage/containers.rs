//! Where the services of a `localstack` stage answer: those of `docker-compose.test.yml` where they stand; else a container
//! engine is asked for them, in a harness that can (feature `containers`).

use std::net::SocketAddr;
use std::time::Duration;

use emulators::External;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;
use verdict::domain::stage_recipe::StageRecipeFile;

use super::launch_error::LaunchError;

/// Both are on this machine.
const CONNECT: Duration = Duration::from_secs(2);

/// Containers that were started for a stage, and end with it.
#[derive(Debug, Default)]
pub(super) struct Containers {
    #[cfg(feature = "containers")]
    engine: Option<crate::adapters::containers::Containers>,
}

impl Containers {
    /// Both services, each answering: those that stand, else those of a container engine.
    pub(super) async fn external(
        &mut self,
        recipe: &StageRecipeFile,
        note: &mut impl FnMut(String),
    ) -> Result<External, LaunchError> {
        let standing = standing(recipe).await;
        let Err(missing) = standing else { return standing };
        note(format!("{missing}; asking a container engine"));
        self.started(missing, note).await
    }

    #[cfg(feature = "containers")]
    async fn started(
        &mut self,
        missing: LaunchError,
        note: &mut impl FnMut(String),
    ) -> Result<External, LaunchError> {
        match crate::adapters::containers::Containers::start().await {
            Ok(started) => {
                let external =
                    External { localstack: started.localstack(), dynamodb: started.dynamodb() };
                self.engine = Some(started);
                Ok(external)
            }
            Err(error) => {
                note(format!("no container engine: {error}"));
                Err(missing)
            }
        }
    }

    #[cfg(not(feature = "containers"))]
    #[expect(clippy::unused_async, reason = "it waits where an engine can be asked")]
    async fn started(
        &mut self,
        missing: LaunchError,
        note: &mut impl FnMut(String),
    ) -> Result<External, LaunchError> {
        note("this harness was built without the feature `containers`: none is asked".to_owned());
        Err(missing)
    }

    /// Takes the containers away.
    #[cfg_attr(
        not(feature = "containers"),
        expect(clippy::unused_async, reason = "it waits where there is an engine")
    )]
    pub(super) async fn stop(&mut self) {
        #[cfg(feature = "containers")]
        if let Some(engine) = self.engine.take() {
            engine.stop().await;
        }
    }
}

/// The services that stand where the recipe says.
async fn standing(recipe: &StageRecipeFile) -> Result<External, LaunchError> {
    let Some(endpoints) = &recipe.endpoints else {
        return Err(LaunchError::Endpoint {
            service: "LocalStack",
            endpoint: "nowhere".to_owned(),
            why: format!("the recipe `{}` has no [endpoints]", recipe.name),
        });
    };
    Ok(External {
        localstack: answering("LocalStack", &endpoints.localstack).await?,
        dynamodb: answering("DynamoDB Local", &endpoints.dynamodb).await?,
    })
}

async fn answering(service: &'static str, endpoint: &str) -> Result<SocketAddr, LaunchError> {
    let failed =
        |why: String| LaunchError::Endpoint { service, endpoint: endpoint.to_owned(), why };
    let url = Url::parse(endpoint).map_err(|error| failed(error.to_string()))?;
    let addresses = url.socket_addrs(|| None).map_err(|error| failed(error.to_string()))?;
    let address = addresses.into_iter().find(|address| address.ip().is_loopback());
    let address = address.ok_or_else(|| failed("it is not on this machine".to_owned()))?;
    match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(_answers)) => Ok(address),
        Ok(Err(error)) => Err(failed(error.to_string())),
        Err(_elapsed) => Err(failed(format!("no connection within {CONNECT:?}"))),
    }
}
