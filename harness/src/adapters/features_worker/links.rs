//! Links into the store, as a browser follows them: no session, no signature of ours, only what the link itself says.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;

use super::outcome::StepError;
use super::outcome::StepResult;

use crate::adapters::plain_http;

/// Some ten megabytes, to a store on this machine or in one region.
const WITHIN: Duration = Duration::from_secs(30);
/// Longest piece of the store's words in a message.
const SHOWN: usize = 200;

/// What a store answered.
#[derive(Clone, Debug)]
pub struct StoreAnswer {
    /// HTTP status.
    pub status: u16,
    /// Content type, where it named one.
    pub content_type: Option<String>,
    /// The file, or the store's words.
    pub body: Bytes,
}

impl StoreAnswer {
    /// It gave or took the file.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// In a sentence.
    pub fn summary(&self) -> String {
        if self.is_success() {
            return format!("{} and {} bytes", self.status, self.body.len());
        }
        let words = String::from_utf8_lossy(&self.body);
        format!("{} {}", self.status, words.chars().take(SHOWN).collect::<String>())
    }
}

/// Fetches what a link gives.
pub async fn get(url: &str) -> StepResult<StoreAnswer> {
    answer(client(url)?.get(url)).await
}

/// Puts a file where a link leads, with the headers that go with the link. The client says the length of the file itself: a
/// length that is said to be another is no request at all.
pub async fn put(
    url: &str,
    wanted: &BTreeMap<String, String>,
    file: Bytes,
) -> StepResult<StoreAnswer> {
    let mut headers = HeaderMap::new();
    for (name, value) in
        wanted.iter().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"))
    {
        let name = HeaderName::from_bytes(name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) else {
            return Err(StepError::broken("headers that can be sent", format!("{wanted:?}")));
        };
        headers.insert(name, value);
    }
    answer(client(url)?.put(url).headers(headers).body(file)).await
}

fn client(url: &str) -> StepResult<reqwest::Client> {
    let client = plain_http::client(url, WITHIN).build();
    client.map_err(|error| StepError::lost_by("cannot make a client for links", &error))
}

async fn answer(request: reqwest::RequestBuilder) -> StepResult<StoreAnswer> {
    let lost = |error: reqwest::Error| {
        // Whoever has the link may use it: it stands in no report.
        StepError::lost_by("the store did not answer", &error.without_url())
    };
    let response = request.send().await.map_err(lost)?;
    let content_type = response.headers().get(http::header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let status = response.status().as_u16();
    Ok(StoreAnswer { status, content_type, body: response.bytes().await.map_err(lost)? })
}

#[cfg(test)]
mod tests {
    use wiremock::Mock;
    use wiremock::MockServer;
    use wiremock::ResponseTemplate;
    use wiremock::matchers::body_bytes;
    use wiremock::matchers::header;
    use wiremock::matchers::method;

    use super::*;

    #[tokio::test]
    async fn a_put_sends_what_goes_with_its_link() {
        let server = MockServer::start().await;
        Mock::given(method("PUT"))
            .and(header("content-type", "application/pdf"))
            .and(header("x-amz-checksum-sha256", "abc="))
            .and(body_bytes(b"%PDF"))
            .respond_with(ResponseTemplate::new(200))
            .mount(&server)
            .await;
        let mut wanted: BTreeMap<String, String> = [
            ("content-type", "application/pdf"),
            ("content-length", "9"),
            ("x-amz-checksum-sha256", "abc="),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        let file = Bytes::from_static(b"%PDF");
        assert!(put(&server.uri(), &wanted, file.clone()).await.unwrap().is_success());
        wanted.remove("x-amz-checksum-sha256");
        let refused = put(&server.uri(), &wanted, file.clone()).await.unwrap();
        assert_eq!((refused.is_success(), refused.summary()), (false, "404 ".to_owned()));
        wanted.insert("a b".to_owned(), "c".to_owned());
        assert!(matches!(put(&server.uri(), &wanted, file).await, Err(StepError::Broken { .. })));
    }
}
