//! `faultproxy`: the server as a program, with the flags of the original.
mod flags;

use std::io::Write as _;
use std::process::ExitCode;

use faultproxy::{FaultProxy, Options};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

use flags::{Asked, Flags};

#[tokio::main]
async fn main() -> ExitCode {
    let (arguments, level) = (std::env::args().skip(1), log_level());
    match flags::parse(arguments) {
        Ok(Asked::Help) => say(std::io::stdout(), flags::USAGE, ExitCode::SUCCESS),
        Ok(Asked::Version) => {
            let version = format!("faultproxy version {}", faultproxy::VERSION);
            say(std::io::stdout(), &version, ExitCode::SUCCESS)
        }
        Ok(Asked::Run(flags)) => {
            let filter = EnvFilter::try_new(&level).unwrap_or_else(|_bad| EnvFilter::new("info"));
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
            match run(flags).await {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => say(std::io::stderr(), &format!("error: {error}"), ExitCode::FAILURE),
            }
        }
        Err(error) => {
            let text = format!("{error}\n{}", flags::USAGE);
            say(std::io::stderr(), &text, ExitCode::from(2))
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "read once, here")]
fn log_level() -> String {
    std::env::var("LOG_LEVEL").unwrap_or_else(|_none| "info".to_owned())
}

async fn run(flags: Flags) -> Result<(), String> {
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let config = match &flags.config {
        None => None,
        Some(path) => {
            let read = std::fs::read(path);
            Some((path, read.map_err(|error| format!("cannot read {path}: {error}"))?))
        }
    };
    let options = Options {
        listen: flags.listen,
        seed: flags.seed,
        proxy_metrics: flags.proxy_metrics,
        runtime_metrics: flags.runtime_metrics,
        ..Options::local(0)
    };
    let server = FaultProxy::start(options)
        .await
        .map_err(|error| format!("cannot listen on {}: {error}", flags.listen))?;
    if let Some((path, config)) = config
        && let Err(error) = server.populate(&config).await
    {
        server.stop().await;
        return Err(format!("{path}: {error}"));
    }
    tracing::info!(address = %server.address(), seed = flags.seed, "the API listens");
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    server.stop().await;
    Ok(())
}

fn say(mut to: impl std::io::Write, text: &str, code: ExitCode) -> ExitCode {
    // A closed pipe is nobody's error.
    writeln!(to, "{text}").and_then(|()| std::io::stdout().flush()).unwrap_or_default();
    code
}
