//! The configuration: the only place that reads the environment. Every problem is collected before any is reported;
//! what comes out is checked and needs no second look.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::clock;
use crate::config::reader::Reader;
use crate::defects::{self, Defect};
use crate::domain::cidr::Cidr;
use crate::domain::quota::QuotaLimits;
use crate::domain::rate_limit::RateLimit;
use crate::egress::Egress;

mod reader;

/// The environment, read once.
pub type Environment = BTreeMap<String, String>;

/// Where the backend runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// On a developer's machine or in a test: the only one with test hooks.
    Local,
    /// Deployed for developers.
    Dev,
    /// Deployed for rehearsals.
    Staging,
    /// Deployed for users.
    Production,
}

/// A checked configuration; the names are those of the variables.
#[derive(Debug, Clone)]
pub struct Config {
    /// `STAGE`
    pub stage: Stage,
    /// `AWS_REGION`
    pub region: String,
    /// `USER_POOL_ID`
    pub user_pool_id: String,
    /// `USER_POOL_CLIENT_ID`
    pub user_pool_client_id: String,
    /// `JWKS_URL`, or the pool's own.
    pub jwks_url: Url,
    /// `MANUALS_BUCKET`, `AUDIO_BUCKET`
    pub buckets: Buckets,
    /// The four tables.
    pub tables: Tables,
    /// `KNOWLEDGE_BASE_ID`
    pub knowledge_base_id: String,
    /// `DATA_SOURCE_ID`
    pub data_source_id: String,
    /// `TEXT_MODEL_ID`
    pub text_model_id: String,
    /// `RETRIEVAL_RESULTS`, 1–20: more passages make a dearer question.
    pub retrieval_results: u32,
    /// `DLQ_URL`: what fails for good goes there. With `STAGE=local` the server empties it too.
    pub dlq_url: Option<Url>,
    /// `ALERTS_TOPIC_ARN`
    pub alerts_topic_arn: Option<String>,
    /// `HMAC_KEY_SECRET_ID`; without it every signed call is refused.
    pub hmac_key_secret_id: Option<String>,
    /// `HMAC_ACCEPT_LEGACY`: whether older clients' signatures count.
    pub signatures: SignatureForms,
    /// `IP_ALLOWLIST`; empty lets everybody in.
    pub ip_allowlist: Vec<Cidr>,
    /// `TRUSTED_PROXIES`: only from these `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
    /// `BIND_ADDRESS`
    pub bind_address: SocketAddr,
    /// `DAILY_QUOTA`, `MONTHLY_QUOTA`
    pub quota: QuotaLimits,
    /// `TRANSCRIBE_LANGUAGE`, `VOICE_CONCURRENCY`
    pub voice: Voice,
    /// `RATE_LIMIT_REQUESTS`, `RATE_LIMIT_WINDOW_S`
    pub rate_limit: RateLimit,
    /// `REQUEST_DEADLINE_MS`: longer than 28 s is refused, API Gateway gives up after 29 s.
    pub request_deadline: Duration,
    /// `CORS_ORIGINS`
    pub cors_origins: Vec<String>,
    /// `CACHE_TTL_S`; 0 means no cache.
    pub cache_ttl: Duration,
    /// `TEST_CLOCK_FILE`, `TEST_EGRESS`: only with `STAGE=local`.
    pub test_hooks: TestHooks,
    /// `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` is set: buckets are then named in the path.
    pub s3_path_style: bool,
    /// `LOG_LEVEL`, a filter of `tracing`.
    pub log_filter: Option<String>,
}

/// Names of buckets.
#[derive(Debug, Clone)]
pub struct Buckets {
    /// `MANUALS_BUCKET`
    pub manuals: String,
    /// `AUDIO_BUCKET`
    pub audio: String,
}

/// Names of tables.
#[derive(Debug, Clone)]
pub struct Tables {
    /// `USAGE_TABLE`
    pub usage: String,
    /// `MANUALS_TABLE`
    pub manuals: String,
    /// `RATE_LIMIT_TABLE`
    pub rate_limit: String,
    /// `ERRORS_TABLE`
    pub errors: String,
}

/// Which forms of a signature are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureForms {
    /// Only the one that covers method and path.
    Current,
    /// The older one, over timestamp and body, too.
    CurrentAndLegacy,
}

/// How spoken questions are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voice {
    /// `TRANSCRIBE_LANGUAGE`: what is spoken.
    pub language: String,
    /// `VOICE_CONCURRENCY`: how many recordings one process works on at once. More of them wait a moment and are then
    /// refused, so that typed questions always find room.
    pub concurrency: usize,
}

/// What a test may change about the world of the process.
#[derive(Debug, Clone, Default)]
pub struct TestHooks {
    /// A file with a signed offset in milliseconds.
    pub clock_file: Option<PathBuf>,
    /// Where outgoing connections really go.
    pub egress: Option<Egress>,
}

/// Everything that is wrong with an environment.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{} problem(s) in the configuration", .0.len())]
pub struct ConfigErrors(pub Vec<ConfigProblem>);

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{variable}: expected {expected}, {found}")]
pub struct ConfigProblem {
    /// The variable.
    pub variable: &'static str,
    /// What it should hold.
    pub expected: String,
    /// What it holds, or that it is missing. Never a secret: URLs, which may hold a password, are not shown.
    pub found: String,
}

/// The environment of the process.
pub fn environment() -> Environment {
    // A variable that is no text is none of ours.
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

const REGION_EXPECTED: &str = "a region such as eu-west-1";
const JWKS_EXPECTED: &str = "an https URL (http only to a loopback address)";
const CIDRS_EXPECTED: &str =
    "addresses or ranges such as 10.0.0.0/8 or 2001:db8::/32, separated by commas";
const ORIGINS_EXPECTED: &str = "origins such as https://app.example.com, separated by commas";

/// The slots of one user are read in one page, of 1 MB at most.
const RATE_LIMIT_REQUESTS_MAX: u32 = 5000;

impl Config {
    /// Reads and checks everything.
    pub fn from_environment(environment: &Environment) -> Result<Self, ConfigErrors> {
        let mut read = Reader::new(environment);
        let stage = read.required("STAGE", "one of local, dev, staging, production", parse_stage);
        let region = read.text("AWS_REGION", REGION_EXPECTED);
        let user_pool_id = read.text("USER_POOL_ID", "the id of a Cognito user pool");
        let jwks_url = read.optional("JWKS_URL", JWKS_EXPECTED, parse_jwks_url);
        let jwks_url = jwks_url.or_else(|| default_jwks_url(&region, &user_pool_id));
        let test_hooks = test_hooks(&mut read, stage);
        // Reserved: the cache is each process's own. Whoever sets it would rely on a cache that is not there.
        read.refuse_if_set("REDIS_URL", "nothing, since a shared cache is not supported yet");
        let config = Self {
            stage: stage.unwrap_or(Stage::Production),
            region,
            user_pool_id,
            user_pool_client_id: read.text("USER_POOL_CLIENT_ID", "the id of an app client"),
            jwks_url: jwks_url.unwrap_or_else(|| read.no_url("JWKS_URL", JWKS_EXPECTED)),
            buckets: buckets(&mut read),
            tables: tables(&mut read),
            knowledge_base_id: read.text("KNOWLEDGE_BASE_ID", "the id of a knowledge base"),
            data_source_id: read.text("DATA_SOURCE_ID", "the id of its data source"),
            text_model_id: read.text("TEXT_MODEL_ID", "the id of a Bedrock model"),
            retrieval_results: read.number("RETRIEVAL_RESULTS", 1..=20, 5),
            dlq_url: read.optional("DLQ_URL", "the URL of a queue", parse_queue_url),
            alerts_topic_arn: read.optional("ALERTS_TOPIC_ARN", "an ARN", parse_arn),
            hmac_key_secret_id: read.optional("HMAC_KEY_SECRET_ID", "a secret's id", own),
            signatures: read
                .optional("HMAC_ACCEPT_LEGACY", "true or false", parse_legacy)
                .unwrap_or(SignatureForms::Current),
            ip_allowlist: allowlist(&mut read),
            trusted_proxies: read.list("TRUSTED_PROXIES", CIDRS_EXPECTED, |text| text.parse().ok()),
            bind_address: read
                .optional("BIND_ADDRESS", "an address and port such as 127.0.0.1:8080", |text| {
                    text.parse().ok()
                })
                .unwrap_or(SocketAddr::from(([127, 0, 0, 1], 8080))),
            quota: QuotaLimits {
                daily: read.number("DAILY_QUOTA", 1..=1_000_000, 50),
                monthly: read.number("MONTHLY_QUOTA", 1..=10_000_000, 1000),
            },
            voice: voice(&mut read),
            rate_limit: RateLimit {
                requests: read.number("RATE_LIMIT_REQUESTS", 1..=RATE_LIMIT_REQUESTS_MAX, 60),
                window: Duration::from_secs(read.number("RATE_LIMIT_WINDOW_S", 1..=3600, 60)),
            },
            request_deadline: Duration::from_millis(read.number(
                "REQUEST_DEADLINE_MS",
                100..=28_000,
                25_000,
            )),
            cors_origins: read.list("CORS_ORIGINS", ORIGINS_EXPECTED, parse_origin),
            cache_ttl: Duration::from_secs(read.number("CACHE_TTL_S", 0..=86_400, 1800)),
            test_hooks,
            s3_path_style: read.is_set("AWS_ENDPOINT_URL_S3") || read.is_set("AWS_ENDPOINT_URL"),
            log_filter: read.optional("LOG_LEVEL", "a filter such as info", own),
        };
        read.finish().map_or(Ok(config), Err)
    }

    /// The issuer of the pool's tokens.
    pub fn issuer(&self) -> String {
        format!("https://cognito-idp.{}.amazonaws.com/{}", self.region, self.user_pool_id)
    }
}

impl Stage {
    /// The word in `STAGE` and in `/health`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

fn buckets(read: &mut Reader<'_>) -> Buckets {
    Buckets {
        manuals: read.text("MANUALS_BUCKET", "the name of a bucket"),
        audio: read.text("AUDIO_BUCKET", "the name of a bucket"),
    }
}

fn tables(read: &mut Reader<'_>) -> Tables {
    Tables {
        usage: read.text("USAGE_TABLE", "the name of a table"),
        manuals: read.text("MANUALS_TABLE", "the name of a table"),
        rate_limit: read.text("RATE_LIMIT_TABLE", "the name of a table"),
        errors: read.text("ERRORS_TABLE", "the name of a table"),
    }
}

fn voice(read: &mut Reader<'_>) -> Voice {
    let expected = "a language of Amazon Transcribe such as en-US";
    Voice {
        language: read
            .optional("TRANSCRIBE_LANGUAGE", expected, parse_language)
            .unwrap_or_else(|| "en-US".to_owned()),
        concurrency: read.number("VOICE_CONCURRENCY", 1..=1000, 8),
    }
}

/// A list that does not parse stops the start: skipping a range could let in or lock out anybody.
fn allowlist(read: &mut Reader<'_>) -> Vec<Cidr> {
    let parse = |text: &str| text.parse().ok();
    if defects::is_on(Defect::AllowlistIgnoredWhenMalformed) {
        return read.lenient_list("IP_ALLOWLIST", parse);
    }
    read.list("IP_ALLOWLIST", CIDRS_EXPECTED, parse)
}

/// Test hooks change what time it is and where connections go, so only `STAGE=local` may have them.
fn test_hooks(read: &mut Reader<'_>, stage: Option<Stage>) -> TestHooks {
    let clock_file = read.optional("TEST_CLOCK_FILE", "a file with a whole number of ms", |path| {
        let path = PathBuf::from(path);
        clock::read_offset(&path).map(|_offset| path)
    });
    let egress = read.checked("TEST_EGRESS", |path| Egress::from_file(path.as_ref()));
    if stage.is_some_and(|stage| stage != Stage::Local) {
        for name in ["TEST_CLOCK_FILE", "TEST_EGRESS"] {
            read.refuse_if_set(name, "nothing unless STAGE=local");
        }
    }
    TestHooks { clock_file, egress }
}

fn parse_stage(text: &str) -> Option<Stage> {
    [Stage::Local, Stage::Dev, Stage::Staging, Stage::Production]
        .into_iter()
        .find(|stage| stage.as_str() == text)
}

fn default_jwks_url(region: &str, pool: &str) -> Option<Url> {
    let issuer = format!("https://cognito-idp.{region}.amazonaws.com/{pool}");
    Url::parse(&format!("{issuer}/.well-known/jwks.json")).ok()
}

/// Keys fetched in the clear could be anybody's, so http is only for this machine.
fn parse_jwks_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let loopback = match url.host()? {
        url::Host::Ipv4(address) => address.is_loopback(),
        url::Host::Ipv6(address) => address.is_loopback(),
        url::Host::Domain(name) => name == "localhost",
    };
    (url.scheme() == "https" || (url.scheme() == "http" && loopback)).then_some(url)
}

/// An emulator's queues are reached in the clear.
fn parse_queue_url(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| matches!(url.scheme(), "https" | "http"))
}

fn parse_legacy(text: &str) -> Option<SignatureForms> {
    let legacy: bool = text.parse().ok()?;
    Some(if legacy { SignatureForms::CurrentAndLegacy } else { SignatureForms::Current })
}

/// Two or three letters, and the two of a country.
fn parse_language(text: &str) -> Option<String> {
    let (language, country) = text.split_once('-')?;
    let lower =
        (2..=3).contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
    let upper = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
    (lower && upper).then(|| text.to_owned())
}

fn parse_arn(text: &str) -> Option<String> {
    text.starts_with("arn:").then(|| text.to_owned())
}

/// Scheme, host and port; an origin has no path.
fn parse_origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let origin = url.origin().ascii_serialization();
    (matches!(url.scheme(), "https" | "http") && origin == text).then_some(origin)
}

#[expect(clippy::unnecessary_wraps, reason = "a parser that takes any text")]
fn own(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[cfg(test)]
mod tests;
