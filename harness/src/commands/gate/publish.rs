//! `--publish s3://BUCKET/KEY`: the decision where a deployment looks for it.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;

use crate::commands::error::CommandError;

/// One small object, with the SDK's own retries.
const WITHIN: Duration = Duration::from_secs(30);

/// An object of S3.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Destination {
    bucket: String,
    key: String,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected s3://BUCKET/KEY".to_owned();
        let (bucket, key) = text
            .strip_prefix("s3://")
            .and_then(|rest| rest.split_once('/'))
            .ok_or_else(expected)?;
        if bucket.is_empty() || key.is_empty() || key.ends_with('/') {
            return Err(expected());
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// Writes `json` there.
pub(super) async fn publish(to: &Destination, json: &str) -> Result<(), CommandError> {
    let timeouts = TimeoutConfig::builder().operation_timeout(WITHIN).build();
    let config =
        aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).load().await;
    // Emulators have no names for buckets.
    let path_style = config.endpoint_url().is_some() || endpoint_of_s3();
    let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(path_style).build();
    aws_sdk_s3::Client::from_conf(s3)
        .put_object()
        .bucket(&to.bucket)
        .key(&to.key)
        .content_type("application/json")
        .body(ByteStream::from(json.as_bytes().to_vec()))
        .send()
        .await
        .map_err(|source| CommandError::Environment {
            what: format!("cannot publish the decision to {to}"),
            source: Some(Box::new(source)),
            hint: Some(
                "is there a region, are there credentials, and may they s3:PutObject there?"
                    .to_owned(),
            ),
        })?;
    Ok(())
}

fn endpoint_of_s3() -> bool {
    let [endpoint] = crate::config::root::variables(["AWS_ENDPOINT_URL_S3"]);
    endpoint.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_bucket_and_a_key() {
        let text = "s3://decisions/0123abc/staging/decision.json";
        assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        for wrong in ["s3://b", "s3:///k", "s3://b/", "s3://b/k/", "/tmp/x", "https://b/k"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
    }
}
