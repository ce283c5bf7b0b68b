//! What an API Gateway and a WAF before it answer themselves ("Gateway response types", API Gateway developer guide): the
//! status, one sentence, and the kind of error in a header.

use axum::Json;
use axum::body::Body;
use axum::response::IntoResponse as _;
use axum::response::Response;
use http::HeaderValue;
use http::StatusCode;
use http::header;
use serde::Serialize;
use serde_json::json;

use super::firewall::CustomAnswer;

/// Why a request got no further.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stop {
    /// A rule blocks it, and says no words of its own.
    Forbidden,
    /// Over the rate of its resource.
    Throttled,
    /// A body over 10 MB.
    BodyTooLarge,
    /// Request line and headers over 10 240 bytes.
    HeadTooLarge,
    /// It did not come whole, it is for no server (`CONNECT`), or it can be read as two.
    Broken,
    /// The API has no resource for its path.
    NoResource,
    /// The service did not answer in 29 s.
    TimedOut,
    /// The service cannot be reached.
    Unreachable,
}

impl Stop {
    /// The answer. For a head that is too long no page names the status; 431 is what others saw.
    pub(super) fn answer(self) -> Response {
        let (status, kind, message) = match self {
            Self::Forbidden => (StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden"),
            Self::Throttled => {
                (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Too Many Requests")
            }
            Self::BodyTooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException", "Request Too Long")
            }
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "BadRequestException",
                "HTTP header is larger than 10240 bytes.",
            ),
            Self::Broken => (StatusCode::BAD_REQUEST, "BadRequestException", "Bad Request"),
            Self::NoResource => (
                StatusCode::FORBIDDEN,
                "MissingAuthenticationTokenException",
                "Missing Authentication Token",
            ),
            Self::TimedOut => (
                StatusCode::GATEWAY_TIMEOUT,
                "InternalServerErrorException",
                "Endpoint request timed out",
            ),
            Self::Unreachable => (
                StatusCode::GATEWAY_TIMEOUT,
                "InternalServerErrorException",
                "Network error communicating with endpoint",
            ),
        };
        let mut answer = (status, Json(json!({ "message": message }))).into_response();
        answer.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(kind));
        if self == Self::Broken {
            // What follows on the connection is no request.
            answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        answer
    }
}

impl CustomAnswer {
    /// What the template says, to the letter.
    pub(super) fn answer(&self) -> Response {
        let mut answer = Response::new(Body::from(self.body.clone()));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.headers.clone();
        answer
    }
}

/// The ids by which AWS is asked about a request; those of a gateway behind stay.
pub(super) fn stamp(id: &str, mut answer: Response) -> Response {
    let short: String = id.chars().filter(|c| *c != '-').take(15).collect();
    for (name, value) in [("x-amzn-requestid", id.to_owned()), ("x-amz-apigw-id", short + "=")] {
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().entry(name).or_insert(value);
        }
    }
    answer
}
