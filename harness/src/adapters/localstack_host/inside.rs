//! What runs in the namespace: LocalStack and DynamoDB Local under a guard each, and the socket files that lead to them.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use thiserror::Error;
use tokio::task::JoinSet;

use super::DYNAMODB;
use super::LOCALSTACK;
use super::install;
use super::tunnel;
use crate::adapters::guard::GuardStartError;
use crate::adapters::guard::Guarded;
use crate::adapters::guard::GuardedCommand;
use crate::adapters::guard::ProgramExit;
use crate::adapters::lifeline::Ended;
use crate::adapters::lifeline::Lifeline;

/// Ports of the namespace, in which nobody else is.
const LOCALSTACK_PORT: u16 = 4566;
const DYNAMODB_PORT: u16 = 8000;

/// Where everything is.
#[derive(Clone, Debug)]
pub struct Places {
    /// What was installed.
    pub installed: PathBuf,
    /// Folder of the socket files.
    pub sockets: PathBuf,
    /// Where logs and LocalStack's files go.
    pub run_dir: PathBuf,
    /// This executable.
    pub harness: PathBuf,
}

/// It cannot go on.
#[derive(Debug, Error)]
pub enum InsideError {
    /// A program cannot be started.
    #[error("cannot start {what}")]
    Start {
        /// Which.
        what: &'static str,
        /// Why.
        #[source]
        source: GuardStartError,
    },
    /// A socket file cannot be made.
    #[error("cannot make the socket files")]
    Socket(#[source] io::Error),
    /// A program ended.
    #[error("{what} ended by itself ({exit})")]
    Ended {
        /// Which.
        what: &'static str,
        /// How.
        exit: ProgramExit,
    },
}

/// Runs both until the parent is gone or one of them ends.
pub async fn run(places: &Places, lifeline: &mut Lifeline) -> Result<(), InsideError> {
    let mut localstack = localstack(places).await?;
    let mut dynamodb = match dynamodb(places).await {
        Ok(dynamodb) => dynamodb,
        Err(error) => {
            localstack.stop().await;
            return Err(error);
        }
    };
    let mut tasks = JoinSet::new();
    let led = tunnel::from(&places.sockets.join(LOCALSTACK), LOCALSTACK_PORT, &mut tasks)
        .and_then(|()| tunnel::from(&places.sockets.join(DYNAMODB), DYNAMODB_PORT, &mut tasks));
    let outcome = if let Err(source) = led {
        Err(InsideError::Socket(source))
    } else {
        tokio::select! {
            exit = localstack.exited() => Err(InsideError::Ended { what: "LocalStack", exit }),
            exit = dynamodb.exited() => Err(InsideError::Ended { what: "DynamoDB Local", exit }),
            Ended::Pipe | Ended::Signal = lifeline.ended() => Ok(()),
        }
    };
    tasks.shutdown().await;
    tokio::join!(localstack.stop(), dynamodb.stop());
    outcome
}

async fn localstack(places: &Places) -> Result<Guarded, InsideError> {
    let files = places.run_dir.join("localstack-files");
    let mut env = install::environment();
    let own = [
        ("GATEWAY_LISTEN", format!("127.0.0.1:{LOCALSTACK_PORT}")),
        ("DISABLE_EVENTS", "1".to_owned()),
        ("SKIP_SSL_CERT_DOWNLOAD", "1".to_owned()),
        ("SERVICES", "s3,sqs,sns,secretsmanager".to_owned()),
        ("FILESYSTEM_ROOT", files.display().to_string()),
    ];
    env.extend(own.map(|(name, value)| (OsString::from(name), OsString::from(value))));
    let program = install::python(&places.installed);
    let args = ["-m", "localstack.runtime.main"].map(OsString::from).to_vec();
    start(places, "LocalStack", (program, args, env), "localstack-server.log").await
}

async fn dynamodb(places: &Places) -> Result<Guarded, InsideError> {
    let folder = install::dynamodb(&places.installed);
    let native = format!("-Djava.library.path={}", folder.join("DynamoDBLocal_lib").display());
    let jar = folder.join("DynamoDBLocal.jar").display().to_string();
    let port = DYNAMODB_PORT.to_string();
    // One database, whatever key signs: the backend's and the checks' are two.
    let args = [&native, "-jar", &jar, "-inMemory", "-sharedDb", "-port", &port];
    let args = args.into_iter().map(OsString::from).collect();
    let program = PathBuf::from("java");
    start(places, "DynamoDB Local", (program, args, install::environment()), "dynamodb.log").await
}

async fn start(
    places: &Places,
    what: &'static str,
    (program, args, env): (PathBuf, Vec<OsString>, install::Environment),
    log: &str,
) -> Result<Guarded, InsideError> {
    let cwd: &Path = &places.run_dir;
    Guarded::start(GuardedCommand {
        harness: places.harness.clone(),
        program,
        args,
        env,
        cwd: cwd.to_path_buf(),
        log: cwd.join(log),
        show_stderr: false,
    })
    .await
    .map_err(|source| InsideError::Start { what, source })
}
