//! Why a stage did not come up, with what to do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use crate::adapters::backend_build::BuildError;
use crate::adapters::edge::EdgeError;
use crate::adapters::edge::RulesError;
use crate::adapters::embedded_stage::EmbeddedError;
use crate::adapters::embedded_stage::StageFileWriteError;
use crate::adapters::guard::GuardStartError;
use crate::adapters::guard::ProgramExit;
use crate::adapters::lambda_host::LambdaError;
use crate::adapters::localstack_host::LocalStackError;
use crate::adapters::provision::ProvisionError;
use crate::adapters::stage_process::Refusal;
use crate::adapters::tls_front::TlsFrontError;
use crate::config::attacks::AttacksError;
use crate::config::fixtures::FixtureError;

/// No stage.
#[derive(Debug, Error)]
pub(super) enum LaunchError {
    #[error("cannot use the fixtures")]
    Fixtures {
        #[source]
        source: FixtureError,
    },
    #[error("the rules of the edge cannot be held against the attack corpus")]
    Corpus {
        #[source]
        source: AttacksError,
    },
    #[error("there is no backend")]
    Build {
        #[source]
        source: BuildError,
    },
    #[error("there is no backend binary {path}")]
    NoBinary { path: PathBuf },
    #[error("cannot start the embedded AWS")]
    Embedded {
        #[source]
        source: EmbeddedError,
    },
    #[error("the embedded AWS is not started yet")]
    NotStarted,
    #[error(
        "BIND_ADDRESS {text:?} is no address with a port on this machine (127.0.0.0/8 or [::1])"
    )]
    BindAddress { text: String },
    #[error("cannot listen on {address} for the backend")]
    PortTaken {
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("cannot write the backend's variables to {path}")]
    EnvFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot empty the backend's log {path}")]
    Log {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot start the backend")]
    Start {
        #[source]
        source: GuardStartError,
    },
    #[error("the backend {path} ended before it was ready ({exit})")]
    Ended { path: PathBuf, exit: ProgramExit },
    #[error("the backend {path} was not ready within {within:?}; last seen: {last_seen}")]
    NotReady { path: PathBuf, within: Duration, last_seen: String },
    #[error("no backend answered at {base_url}/version within {} min; last seen: {last_seen}", within.as_secs() / 60)]
    NobodyStarted { base_url: String, within: Duration, last_seen: String },
    #[error("the backend does not have the seeded defects {wanted}; it reports {reported}")]
    Defects { wanted: String, reported: String },
    #[error("the functions do not run")]
    Lambda {
        #[source]
        source: LambdaError,
    },
    #[error("the gateway at {base_url} was not ready within {within:?}; last seen: {last_seen}")]
    GatewayNotReady { base_url: String, within: Duration, last_seen: String },
    #[error(
        "functions with seeded defects are not built here: they have the names of those without"
    )]
    LambdaDefects,
    #[error("functions are not started by hand: each invocation starts its own")]
    LambdaByHand,
    #[error("the edge has no rules")]
    Rules {
        #[source]
        source: RulesError,
    },
    #[error("the edge does not stand")]
    Edge {
        #[source]
        source: EdgeError,
    },
    #[error("LocalStack does not stand")]
    LocalStack {
        #[source]
        source: LocalStackError,
    },
    #[error("{service} of the stage is not at {endpoint}: {why}")]
    Endpoint { service: &'static str, endpoint: String, why: String },
    #[error("the stage cannot be met over TLS")]
    Tls {
        #[source]
        source: TlsFrontError,
    },
    #[error("a firewall stands before a REST API only, and the gateway is an HTTP API")]
    EdgeBeforeHttpApi,
    #[error("the backend's address {base_url} is none that an edge can stand before")]
    EdgeBefore { base_url: String },
    #[error("cannot provision the stage's users")]
    Provision {
        #[source]
        source: ProvisionError,
    },
    #[error("cannot write the stage description")]
    Describe {
        #[source]
        source: StageFileWriteError,
    },
}

impl LaunchError {
    pub(super) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Build { source: BuildError::NoCargo { .. } } => {
                "name a backend that is built already: --backend-bin PATH"
            }
            Self::NoBinary { .. } => "--backend-bin takes the path of a built backend",
            Self::PortTaken { .. } => "leave BIND_ADDRESS out to get a free port, or free this one",
            Self::BindAddress { .. } => "for example BIND_ADDRESS=127.0.0.1:8080",
            Self::Defects { .. } => {
                "only the binary `server-defects` (cargo feature `defects`) has them"
            }
            Self::Ended { .. } | Self::NotReady { .. } => {
                "is it Manuel's backend? it is configured by its environment (api.md, Configuration)"
            }
            Self::Lambda { .. } | Self::GatewayNotReady { .. } => {
                "the log says why (backend.log in the run's folder); functions are configured as the server is"
            }
            Self::LambdaDefects => {
                "cargo build -p backend --features defects --target-dir target/defects, then \
                 --backend-bin target/defects/debug"
            }
            Self::LambdaByHand => "leave --no-backend out, or --runtime lambda",
            Self::Endpoint { .. } => {
                "docker compose -f docker-compose.test.yml up -d --wait localstack dynamodb; without a container engine: --stage localstack-host"
            }
            Self::EdgeBeforeHttpApi => "leave --gateway v2 out, or --edge",
            Self::Rules { source } if source.is_about_a_choice() => {
                "--edge-parameter NAME=VALUE takes a parameter of backend/deploy/template.yaml"
            }
            Self::Fixtures { .. }
            | Self::Corpus { .. }
            | Self::Build { .. }
            | Self::Embedded { .. }
            | Self::NotStarted
            | Self::EnvFile { .. }
            | Self::Log { .. }
            | Self::Start { .. }
            | Self::NobodyStarted { .. }
            | Self::Rules { .. }
            | Self::Edge { .. }
            | Self::Tls { .. }
            | Self::LocalStack { .. }
            | Self::EdgeBefore { .. }
            | Self::Provision { .. }
            | Self::Describe { .. } => return None,
        };
        Some(hint.to_owned())
    }

    pub(super) fn refusal(&self) -> Refusal {
        match self {
            Self::BindAddress { .. }
            | Self::LambdaDefects
            | Self::LambdaByHand
            | Self::EdgeBeforeHttpApi
            | Self::Provision { source: ProvisionError::UnknownManual { .. } } => Refusal::Usage,
            Self::Rules { source } if source.is_about_a_choice() => Refusal::Usage,
            Self::Fixtures { .. }
            | Self::Corpus { .. }
            | Self::Build { .. }
            | Self::NoBinary { .. }
            | Self::Rules { .. }
            | Self::Edge { .. }
            | Self::Tls { .. }
            | Self::Endpoint { .. }
            | Self::LocalStack { .. }
            | Self::EdgeBefore { .. }
            | Self::Embedded { .. }
            | Self::PortTaken { .. }
            | Self::NotStarted
            | Self::EnvFile { .. }
            | Self::Log { .. }
            | Self::Start { .. }
            | Self::Ended { .. }
            | Self::NotReady { .. }
            | Self::NobodyStarted { .. }
            | Self::Defects { .. }
            | Self::Lambda { .. }
            | Self::GatewayNotReady { .. }
            | Self::Provision { .. }
            | Self::Describe { .. } => Refusal::Environment,
        }
    }

    /// Whether the end of the backend's log says more.
    pub(super) fn is_about_the_backend(&self) -> bool {
        matches!(
            self,
            Self::Ended { .. }
                | Self::NotReady { .. }
                | Self::Lambda { .. }
                | Self::GatewayNotReady { .. }
                | Self::Defects { .. }
                | Self::Provision { .. }
        )
    }
}
