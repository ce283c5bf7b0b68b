//! LocalStack and DynamoDB Local from a container engine, by testcontainers and its LocalStack module. They end with the
//! stage; what a crash leaves, the engine shows by its label.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::time::Duration;

use testcontainers::ContainerAsync;
use testcontainers::Image;
use testcontainers::ImageExt as _;
use testcontainers::TestcontainersError;
use testcontainers::runners::AsyncRunner as _;
use testcontainers_modules::dynamodb_local::DynamoDb;
use testcontainers_modules::localstack::LocalStack;
use thiserror::Error;
use tokio::time::timeout;

/// The last community version, as in docker-compose.test.yml.
const LOCALSTACK_TAG: &str = "4.14.0";
const LOCALSTACK_PORT: u16 = 4566;
/// As in docker-compose.test.yml.
const DYNAMODB_TAG: &str = "3.1.0";
const DYNAMODB_PORT: u16 = 8000;
/// A pull of a gigabyte, and a start.
const START: Duration = Duration::from_mins(8);
/// Taking one away.
const STOP: Duration = Duration::from_secs(20);
/// Says whose a container is.
const LABEL: (&str, &str) = ("manuel.harness", "stage");

/// There are none.
#[derive(Debug, Error)]
pub enum ContainersError {
    /// The engine refused, or there is none.
    #[error("{what}: {source}")]
    Engine {
        /// Which container.
        what: &'static str,
        /// What it said.
        #[source]
        source: Box<TestcontainersError>,
    },
    /// It took too long.
    #[error("{what} was not up within {START:?}")]
    Slow {
        /// Which container.
        what: &'static str,
    },
}

/// Both, running.
#[derive(Debug)]
pub struct Containers {
    localstack: (ContainerAsync<LocalStack>, SocketAddr),
    dynamodb: (ContainerAsync<DynamoDb>, SocketAddr),
}

impl Containers {
    /// Asks the engine that `DOCKER_HOST` or the usual socket leads to.
    pub async fn start() -> Result<Self, ContainersError> {
        let localstack = LocalStack::default()
            .with_tag(LOCALSTACK_TAG)
            .with_env_var("SERVICES", "s3,sqs,sns,secretsmanager")
            .with_env_var("DISABLE_EVENTS", "1")
            .with_env_var("SKIP_SSL_CERT_DOWNLOAD", "1")
            .with_label(LABEL.0, LABEL.1);
        let localstack = up("LocalStack", localstack.start(), LOCALSTACK_PORT).await?;
        let command = ["-jar", "DynamoDBLocal.jar", "-inMemory", "-sharedDb"];
        let dynamodb = DynamoDb::default().with_tag(DYNAMODB_TAG).with_cmd(command);
        let dynamodb = dynamodb.with_label(LABEL.0, LABEL.1);
        match up("DynamoDB Local", dynamodb.start(), DYNAMODB_PORT).await {
            Ok(dynamodb) => Ok(Self { localstack, dynamodb }),
            Err(error) => {
                gone(localstack.0).await;
                Err(error)
            }
        }
    }

    /// Where LocalStack answers.
    pub fn localstack(&self) -> SocketAddr {
        self.localstack.1
    }

    /// Where DynamoDB Local answers.
    pub fn dynamodb(&self) -> SocketAddr {
        self.dynamodb.1
    }

    /// Takes both away.
    pub async fn stop(self) {
        gone(self.localstack.0).await;
        gone(self.dynamodb.0).await;
    }
}

async fn up<I: Image>(
    what: &'static str,
    start: impl Future<Output = Result<ContainerAsync<I>, TestcontainersError>>,
    port: u16,
) -> Result<(ContainerAsync<I>, SocketAddr), ContainersError> {
    let refused = |source| ContainersError::Engine { what, source: Box::new(source) };
    let container = timeout(START, start)
        .await
        .map_err(|_elapsed| ContainersError::Slow { what })?
        .map_err(refused)?;
    let port = container.get_host_port_ipv4(port).await.map_err(refused)?;
    Ok((container, SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)))
}

async fn gone<I: Image>(container: ContainerAsync<I>) {
    match timeout(STOP, container.rm()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "a container is left; its label is manuel.harness");
        }
        Err(_elapsed) => tracing::warn!("a container is left; its label is manuel.harness"),
    }
}
