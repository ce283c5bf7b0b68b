//! Seeded defects, to prove that the harness finds them. Without the feature `defects`, `is_on` is a constant `false`
//! and the compiler removes every branch on it; only the binary `server-defects` can switch one on.

/// A promise that the defect build can break on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// Neither the filter in the knowledge-base query nor the check of its results.
    RetrievalFilterDropped,
    /// Counters are read, compared and written in three steps.
    QuotaReadModifyWrite,
    /// A store that cannot be reached lets the call through.
    QuotaFailsOpen,
    /// A reservation is kept when the answer is not a 2xx.
    ChargedOnFailure,
    /// The text of a failure, with the name of a resource, reaches the body.
    ErrorLeaksArn,
    /// A call without a signature is let in.
    HmacSkippedWhenMissing,
    /// A manual's row is written before its object.
    RowBeforeObject,
    /// Every upload is a new one.
    IdempotencyKeyIgnored,
    /// One user's answer is given to every other who asks the same.
    CacheIgnoresUser,
    /// An announced upload is completed with whatever object is there.
    PartialUploadAccepted,
    /// Recording and job of a spoken call that failed are not deleted.
    TranscribeJobLeaked,
    /// A breaker that opened lets nothing through any more.
    BreakerNeverCloses,
    /// Deep health says that all is well while a dependency is dark.
    HealthAlwaysOk,
    /// The access log's line holds the token.
    LogPrintsToken,
    /// Calls that the rate limit refuses prolong the block.
    LimiterCountsRefused,
    /// A 429 or 503 does not say when to come again.
    RetryAfterMissing,
    /// A range of the allowlist that does not parse is skipped instead of stopping the start.
    AllowlistIgnoredWhenMalformed,
    /// When the user pool's keys cannot be fetched, what a token says is believed.
    JwksFailureAccepts,
}

impl Defect {
    /// All of them, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::RetrievalFilterDropped,
        Self::QuotaReadModifyWrite,
        Self::QuotaFailsOpen,
        Self::ChargedOnFailure,
        Self::ErrorLeaksArn,
        Self::HmacSkippedWhenMissing,
        Self::RowBeforeObject,
        Self::IdempotencyKeyIgnored,
        Self::CacheIgnoresUser,
        Self::PartialUploadAccepted,
        Self::TranscribeJobLeaked,
        Self::BreakerNeverCloses,
        Self::HealthAlwaysOk,
        Self::LogPrintsToken,
        Self::LimiterCountsRefused,
        Self::RetryAfterMissing,
        Self::AllowlistIgnoredWhenMalformed,
        Self::JwksFailureAccepts,
    ];

    /// The name used in `MANUEL_DEFECTS` and in `/version`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RetrievalFilterDropped => "retrieval-filter-dropped",
            Self::QuotaReadModifyWrite => "quota-read-modify-write",
            Self::QuotaFailsOpen => "quota-fails-open",
            Self::ChargedOnFailure => "charged-on-failure",
            Self::ErrorLeaksArn => "error-leaks-arn",
            Self::HmacSkippedWhenMissing => "hmac-skipped-when-missing",
            Self::RowBeforeObject => "row-before-object",
            Self::IdempotencyKeyIgnored => "idempotency-key-ignored",
            Self::CacheIgnoresUser => "cache-ignores-user",
            Self::PartialUploadAccepted => "partial-upload-accepted",
            Self::TranscribeJobLeaked => "transcribe-job-leaked",
            Self::BreakerNeverCloses => "breaker-never-closes",
            Self::HealthAlwaysOk => "health-always-ok",
            Self::LogPrintsToken => "log-prints-token",
            Self::LimiterCountsRefused => "limiter-counts-refused",
            Self::RetryAfterMissing => "retry-after-missing",
            Self::AllowlistIgnoredWhenMalformed => "allowlist-ignored-when-malformed",
            Self::JwksFailureAccepts => "jwks-failure-accepts",
        }
    }
}

/// Whether a defect is switched on: never, in a build without the feature.
#[cfg(not(feature = "defects"))]
pub const fn is_on(_defect: Defect) -> bool {
    false
}

/// The defects switched on, for `/version`; none at all (not even an empty list) in a build without the feature.
#[cfg(not(feature = "defects"))]
pub const fn reported() -> Option<Vec<&'static str>> {
    None
}

// The proof that `server` has none: this is evaluated by the compiler.
#[cfg(not(feature = "defects"))]
const _: () = {
    let mut index = 0;
    while index < Defect::ALL.len() {
        assert!(!is_on(Defect::ALL[index]));
        index += 1;
    }
};

#[cfg(feature = "defects")]
pub use switched::{UnknownDefect, is_on, reported, switch_on};

#[cfg(feature = "defects")]
mod switched {
    use std::collections::BTreeSet;
    use std::sync::OnceLock;

    use super::Defect;

    static ACTIVE: OnceLock<BTreeSet<Defect>> = OnceLock::new();

    /// A name that is none of ours.
    #[derive(Debug, thiserror::Error, PartialEq, Eq)]
    #[error("MANUEL_DEFECTS names `{name}`; expected some of: {expected}")]
    pub struct UnknownDefect {
        name: String,
        expected: String,
    }

    /// Whether a defect was switched on at the start of the process.
    pub fn is_on(defect: Defect) -> bool {
        ACTIVE.get().is_some_and(|active| active.contains(&defect))
    }

    /// The names of the defects switched on, for `/version`.
    pub fn reported() -> Option<Vec<&'static str>> {
        Some(ACTIVE.get().into_iter().flatten().map(|defect| defect.name()).collect())
    }

    /// Switches on a comma-separated list, once per process; a name that is unknown switches nothing on.
    pub fn switch_on(list: &str) -> Result<(), UnknownDefect> {
        let active = parse(list)?;
        ACTIVE.get_or_init(|| active);
        Ok(())
    }

    fn parse(list: &str) -> Result<BTreeSet<Defect>, UnknownDefect> {
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(find).collect()
    }

    fn find(name: &str) -> Result<Defect, UnknownDefect> {
        let unknown = || UnknownDefect { name: name.to_owned(), expected: names(", ") };
        Defect::ALL.iter().copied().find(|defect| defect.name() == name).ok_or_else(unknown)
    }

    fn names(separator: &str) -> String {
        let names: Vec<&str> = Defect::ALL.iter().map(|defect| defect.name()).collect();
        names.join(separator)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_name_is_found_and_an_unknown_one_lists_them_all() {
            let all = names(" , ");
            assert_eq!(parse(&all).unwrap().len(), Defect::ALL.len());
            assert!(parse("").unwrap().is_empty());
            let refused = parse("quota-fails-open,quota-fails-opne").unwrap_err().to_string();
            assert!(refused.contains("`quota-fails-opne`"), "{refused}");
            assert!(Defect::ALL.iter().all(|defect| refused.contains(defect.name())), "{refused}");
        }
    }
}

#[cfg(all(test, not(feature = "defects")))]
mod tests {
    use super::*;

    #[test]
    fn the_normal_build_has_no_defect_and_reports_none() {
        assert!(Defect::ALL.iter().all(|defect| !is_on(*defect)));
        assert_eq!(reported(), None);
    }
}
