//! The functions of the deployment, and which of them answers what. Data only.

use std::time::Duration;

use serde::Deserialize;
use serde::Serialize;

/// One function; its binary has the same name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Function {
    /// `/api/query`.
    Query,
    /// `/api/transcribe`.
    Transcribe,
    /// `/api/manuals…` and `/api/ingestion…`.
    Manuals,
    /// `/api/user/…`.
    Usage,
    /// The pump, on a schedule.
    Ingestion,
    /// `/health`, `/version`, `/docs`, and whatever has no route.
    Health,
    /// What the dead-letter queue holds.
    ErrorProcessor,
}

impl Function {
    /// All of them, in the order in which they are started.
    pub const ALL: [Self; 7] = [
        Self::Health,
        Self::Query,
        Self::Transcribe,
        Self::Manuals,
        Self::Usage,
        Self::Ingestion,
        Self::ErrorProcessor,
    ];

    /// Its name, in the deployment and on disk.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Transcribe => "transcribe",
            Self::Manuals => "manuals",
            Self::Usage => "usage",
            Self::Ingestion => "ingestion",
            Self::Health => "health",
            Self::ErrorProcessor => "error-processor",
        }
    }

    /// The function of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|function| function.name() == name)
    }

    /// Its time-out in the deployment (`backend/deploy/template.yaml`).
    pub const fn timeout(self) -> Duration {
        Duration::from_secs(match self {
            Self::Query | Self::Transcribe | Self::Manuals => 28,
            Self::Usage => 15,
            Self::Health => 10,
            Self::Ingestion => 55,
            Self::ErrorProcessor => 30,
        })
    }

    /// Its memory in the deployment's first stage, in MiB.
    pub const fn memory_mib(self) -> u64 {
        match self {
            Self::Manuals => 512,
            Self::Query
            | Self::Transcribe
            | Self::Usage
            | Self::Health
            | Self::Ingestion
            | Self::ErrorProcessor => 256,
        }
    }

    /// Its reserved concurrency, where the deployment gives it one of its own.
    pub const fn reserved(self) -> Option<usize> {
        match self {
            Self::Ingestion => Some(1),
            Self::Query
            | Self::Transcribe
            | Self::Manuals
            | Self::Usage
            | Self::Health
            | Self::ErrorProcessor => None,
        }
    }

    /// The function that the gateway integrates with a path, whatever the method: as in the template. A path that has no
    /// route goes to `health`, whose router answers 404 in Manuel's own words.
    pub fn of_path(path: &str) -> Self {
        let under = |prefix: &str| {
            path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        match path {
            _ if under("/api/query") => Self::Query,
            _ if under("/api/transcribe") => Self::Transcribe,
            _ if under("/api/manuals") || under("/api/ingestion") => Self::Manuals,
            _ if under("/api/user") => Self::Usage,
            _ => Self::Health,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_function() {
        for (path, function) in [
            ("/api/query", Function::Query),
            ("/api/transcribe", Function::Transcribe),
            ("/api/manuals", Function::Manuals),
            ("/api/manuals/abc", Function::Manuals),
            ("/api/ingestion/job/1", Function::Manuals),
            ("/api/user/quota", Function::Usage),
            ("/health/deep", Function::Health),
            ("/openapi.json", Function::Health),
            ("/api/manualsx", Function::Health),
            ("/", Function::Health),
        ] {
            assert_eq!(Function::of_path(path), function, "{path}");
        }
    }

    /// What the functions have here is what they have where they are deployed.
    #[test]
    fn the_template_says_the_same() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../backend/deploy/template.yaml");
        let template = std::fs::read_to_string(path).unwrap();
        let part = |from: &str| {
            let (_, rest) = template.split_once(&format!("\n{from}:\n")).expect(from);
            let indent = from.len() - from.trim_start().len();
            let lines = rest.lines().take_while(|line| {
                line.trim().is_empty() || line.len() - line.trim_start().len() > indent
            });
            lines.flat_map(|line| [line.trim(), "\n"]).collect::<String>()
        };
        let number = |text: &str, key: &str| {
            let (_, rest) = text.split_once(&format!("\n{key}: "))?;
            rest.lines().next()?.parse::<u64>().ok()
        };
        let globals = part("Globals");
        for function in Function::ALL {
            let words = function.name().split('-');
            let camel = words.map(|word| word[..1].to_uppercase() + &word[1..]);
            let own = part(&format!("  {}Function", camel.collect::<String>()));
            let timeout = number(&own, "Timeout").or_else(|| number(&globals, "Timeout"));
            assert_eq!(Some(function.timeout().as_secs()), timeout, "{function:?}");
            let reserved = number(&own, "ReservedConcurrentExecutions");
            assert_eq!(function.reserved().map(|n| n as u64), reserved, "{function:?}");
            if let Some(memory) = number(&own, "MemorySize") {
                assert_eq!(function.memory_mib(), memory, "{function:?}");
            }
        }
    }

    #[test]
    fn a_function_is_found_by_its_name() {
        for function in Function::ALL {
            assert_eq!(Function::named(function.name()), Some(function));
            assert_eq!(serde_json::to_value(function).unwrap(), function.name());
        }
        assert_eq!(Function::named("server"), None);
    }
}
