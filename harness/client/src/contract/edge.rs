//! Answers that the service never saw the request of: the firewall and the gateway in front answer some themselves, in
//! words of their own. They are refusals all the same.

use serde::Deserialize;

use super::{ContractBreach, ContractRule, headers};
use crate::answers::ErrorAnswer;
use crate::exchange::Exchange;

/// The code of a refusal in AWS's own words, which have none.
pub const EDGE_CODE: &str = "refused_at_the_edge";

/// What the template's custom bodies say, and what AWS says by itself (`message`).
#[derive(Deserialize)]
#[serde(untagged)]
enum Said {
    Ours { error: String, code: String, retryable: bool, retry_after: Option<u64> },
    Aws { message: String },
}

/// Whether the answer came from in front: a refusal with AWS's request id, and without the version that every answer of the
/// service has.
pub fn is_from_edge(exchange: &Exchange) -> bool {
    let refused = (400..500).contains(&exchange.status);
    refused && !exchange.headers.contains_key("x-manuel-version") && id(exchange).is_some()
}

fn id(exchange: &Exchange) -> Option<&str> {
    exchange.text("x-amzn-requestid").or_else(|| exchange.text("apigw-requestid"))
}

/// Parses it and reports what is off; none where it cannot be parsed.
pub(super) fn check(
    exchange: &Exchange,
    breaches: &mut Vec<ContractBreach>,
) -> Option<ErrorAnswer> {
    let mut wrong = |detail: String| {
        breaches.push(ContractBreach::new(ContractRule::ErrorBody, detail));
    };
    if !headers::is_json(exchange) {
        wrong("content-type is not application/json".to_owned());
    }
    let request_id = id(exchange).unwrap_or_default().to_owned();
    match serde_json::from_slice(&exchange.body) {
        Ok(Said::Ours { error, code, retryable, retry_after }) => {
            if retry_after != exchange.retry_after_s() {
                wrong("retry_after differs from the header".to_owned());
            }
            Some(ErrorAnswer { error, code, request_id, retryable, retry_after })
        }
        Ok(Said::Aws { message }) => Some(ErrorAnswer {
            error: message,
            code: EDGE_CODE.to_owned(),
            request_id,
            retryable: exchange.status == 429,
            retry_after: None,
        }),
        Err(error) => {
            wrong(format!("an answer of the edge that is none: {error}"));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::contract::tests::answer;
    use crate::contract::{Contract, Parsed};
    use crate::request::Request;

    #[test]
    fn what_is_in_front_refuses_in_words_of_its_own() {
        let behind = Contract::new(["secret-table"]).unwrap().behind_edge(true);
        let edge = |status, body: &Value| {
            let mut exchange = answer(status, body);
            exchange.headers.clear();
            exchange.headers.insert("content-type", "application/json".parse().unwrap());
            exchange.headers.insert("x-amzn-requestid", "id-1".parse().unwrap());
            exchange.headers.insert("x-amzn-errortype", "ForbiddenException".parse().unwrap());
            exchange
        };
        let code = |exchange: &Exchange| match behind.check(&Request::Quota, exchange) {
            Ok(Parsed::Error(error)) => error.code,
            other => format!("{other:?}"),
        };
        let ours = json!({"error": "Please sign in.", "code": "token_missing", "retryable": false});
        assert_eq!(code(&edge(401, &ours)), "token_missing");
        assert_eq!(code(&edge(403, &json!({"message": "Forbidden"}))), EDGE_CODE);
        // Not a refusal, not of the edge, or nothing that it would say.
        assert!(code(&edge(500, &json!({"message": "Internal server error"}))).contains("Header"));
        assert!(code(&edge(403, &json!({"message": "no secret-table"}))).contains("Leak"));
        assert!(code(&edge(403, &json!("Forbidden"))).contains("ErrorBody"));
        let mut nobodys = edge(403, &json!({"message": "Forbidden"}));
        nobodys.headers.remove("x-amzn-requestid");
        assert!(code(&nobodys).contains("Header"));
        // Where nothing stands in front, nobody else answers.
        assert!(crate::contract::check(&Request::Quota, &edge(401, &ours)).is_err());
    }
}
