//! What a Lambda host counted, read over its admin API.

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

use crate::adapters::lambda_host::Figures;
use crate::adapters::lambda_host::Function;
use crate::adapters::plain_http;

/// The admin API answers at once.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What each function did.
pub type ByFunction = BTreeMap<Function, Figures>;

/// The counts cannot be read.
#[derive(Debug, Error)]
#[error("cannot read the counts of the lambda host")]
pub struct FiguresError(#[source] reqwest::Error);

/// Reads the counts at `admin`, a base URL.
pub async fn read(admin: &str) -> Result<ByFunction, FiguresError> {
    let client = plain_http::client(admin, TIMEOUT).build();
    let url = format!("{}/lambda", admin.trim_end_matches('/'));
    let answer = client.map_err(FiguresError)?.get(url).send().await.map_err(FiguresError)?;
    answer.error_for_status().map_err(FiguresError)?.json().await.map_err(FiguresError)
}

/// What ended of itself, or had to be killed for its memory, between two readings: one sentence for each function.
pub fn deaths(before: &ByFunction, after: &ByFunction) -> Vec<String> {
    let counted =
        |figures: &Figures| figures.crashes + figures.out_of_memory + figures.failed_starts;
    after
        .iter()
        .filter_map(|(function, figures)| {
            let died =
                counted(figures) - before.get(function).map_or(0, counted).min(counted(figures));
            let name = function.name();
            (died > 0).then(|| format!("sandboxes of `{name}` ended by themselves {died} times"))
        })
        .collect()
}

/// One line for people.
pub fn summary(figures: &ByFunction) -> String {
    let each = figures.iter().filter(|(_, figures)| figures.invocations > 0).map(|(name, figures)| {
        let Figures { invocations, throttles, timeouts, cold_starts, .. } = figures;
        format!(
            "{}: {invocations} invocations, {} cold starts (p50 {} ms, most {} ms), {throttles} throttled, {timeouts} timed out",
            name.name(),
            cold_starts.count,
            cold_starts.init_p50_us / 1_000,
            cold_starts.init_max_us / 1_000,
        )
    });
    each.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_new_deaths_count() {
        let figures =
            |crashes, out_of_memory| Figures { crashes, out_of_memory, ..Figures::default() };
        let before: ByFunction =
            [(Function::Query, figures(1, 0)), (Function::Usage, figures(2, 0))].into();
        let after: ByFunction = [
            (Function::Query, figures(2, 1)),
            (Function::Usage, figures(2, 0)),
            (Function::Health, figures(0, 0)),
        ]
        .into();
        assert_eq!(deaths(&before, &after), ["sandboxes of `query` ended by themselves 2 times"]);
        assert!(deaths(&after, &after).is_empty());
    }
}
