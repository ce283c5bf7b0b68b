//! Holding a fault: its lease is renewed until a time is over or somebody interrupts, and it is ended in any case.

use std::time::Duration;

use crate::adapters::interrupts::Interrupts;
use crate::commands::error::CommandError;

/// A lease; three of them may be lost before one ends.
pub(super) const TTL_MS: u64 = 15_000;
const RENEW: Duration = Duration::from_secs(4);
/// How often what was hit is shown.
const LOOK: Duration = Duration::from_millis(250);

/// How long.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct HoldArgs {
    /// End by itself after this time, such as 60s [default: until Ctrl-C].
    #[arg(long = "for", value_name = "TIME", value_parser = humantime::parse_duration)]
    span: Option<Duration>,
}

/// Something that is on until it is ended.
pub(super) trait Held {
    /// Prolongs the lease.
    async fn renew(&mut self) -> Result<(), CommandError>;
    /// Shows what happened since.
    async fn look(&mut self) -> Result<(), CommandError>;
    /// Takes it away.
    async fn end(&mut self) -> Result<(), CommandError>;
}

/// Holds `held`, and ends it.
pub(super) async fn hold<H: Held>(
    mut held: H,
    interrupts: &Interrupts,
    args: &HoldArgs,
) -> Result<H, CommandError> {
    let (mut renew, mut look) = (tokio::time::interval(RENEW), tokio::time::interval(LOOK));
    let over = async {
        match args.span {
            Some(span) => drop(tokio::time::timeout(span, std::future::pending::<()>()).await),
            None => std::future::pending().await,
        }
    };
    let mut over = std::pin::pin!(over);
    let kept = loop {
        let step = tokio::select! {
            () = interrupts.first().cancelled() => break Ok(()),
            () = &mut over => break Ok(()),
            _ = renew.tick() => held.renew().await,
            _ = look.tick() => held.look().await,
        };
        if step.is_err() {
            break step;
        }
    };
    let ended = held.end().await;
    kept.and(ended)?;
    Ok(held)
}

/// Listens for Ctrl-C from before a fault begins.
pub(super) fn interrupts() -> Result<Interrupts, CommandError> {
    Interrupts::listen()
        .map_err(|source| CommandError::environment("cannot listen for Ctrl-C", source))
}
