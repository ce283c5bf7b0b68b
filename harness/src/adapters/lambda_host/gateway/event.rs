//! A request as an event: payload format 1.0 ("Input format of a Lambda function for proxy integration") and 2.0
//! ("Create AWS Lambda proxy integrations for HTTP APIs in API Gateway").

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::request::Parts;
use serde_json::Value;
use serde_json::json;
use time::OffsetDateTime;
use time::macros::format_description;
use url::form_urlencoded;

use super::Taken;

/// AWS's documentation account, as in the stage's ARNs.
const ACCOUNT: &str = "123456789012";
const API: &str = "manuellocal";
const DOMAIN: &str = "manuellocal.execute-api.eu-west-1.amazonaws.com";
/// A REST API always has a named stage; Manuel's clients call it by a domain name that maps it away.
const STAGE: &str = "local";
/// What concerns one connection and is not passed on (RFC 9110, section 7.6.1).
pub(in crate::adapters) const HOP_BY_HOP: &[&str] = &[
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

type Lists = BTreeMap<String, Vec<String>>;

/// Payload format 1.0.
pub(super) fn v1(taken: &Taken, head: &Parts, body: &[u8]) -> Value {
    let method = head.method.as_str();
    let path = head.uri.path();
    let mut headers = headers(taken, &head.headers);
    headers.remove("content-length");
    let query = query(head);
    let (text, is_base64) = body_of(head, body);
    let identity = json!({
        "accessKey": null, "accountId": null, "caller": null, "cognitoAuthenticationProvider": null,
        "cognitoAuthenticationType": null, "cognitoIdentityId": null, "cognitoIdentityPoolId": null,
        "principalOrgId": null, "sourceIp": taken.peer.ip().to_string(), "user": null,
        "userAgent": last(&headers, "user-agent"), "userArn": null,
    });
    json!({
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": lasts(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": some(lasts(&query)),
        "multiValueQueryStringParameters": some(query),
        "pathParameters": { "proxy": path.trim_start_matches('/') },
        "stageVariables": null,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": DOMAIN,
            "domainPrefix": API,
            "extendedRequestId": taken.extended_id,
            "httpMethod": method,
            "identity": identity,
            "path": format!("/{STAGE}{path}"),
            "protocol": "HTTP/1.1",
            "requestId": taken.id,
            "requestTime": request_time(taken.at_ms),
            "requestTimeEpoch": taken.at_ms,
            "resourceId": "proxy0",
            "resourcePath": "/{proxy+}",
            "stage": STAGE,
        },
        "body": text,
        "isBase64Encoded": is_base64,
    })
}

/// Payload format 2.0, with its `$default` route and stage.
pub(super) fn v2(taken: &Taken, head: &Parts, body: &[u8]) -> Value {
    let path = head.uri.path();
    let mut headers = headers(taken, &head.headers);
    let cookies: Option<Vec<String>> = headers.remove("cookie").map(|lines| {
        let all = lines.iter().flat_map(|line| line.split(';'));
        all.map(|cookie| cookie.trim().to_owned()).collect()
    });
    let (text, is_base64) = body_of(head, body);
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": head.uri.query().unwrap_or_default(),
        "headers": joined(&headers),
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": DOMAIN,
            "domainPrefix": API,
            "http": {
                "method": head.method.as_str(),
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": taken.peer.ip().to_string(),
                "userAgent": last(&headers, "user-agent"),
            },
            "requestId": taken.extended_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": request_time(taken.at_ms),
            "timeEpoch": taken.at_ms,
        },
        "isBase64Encoded": is_base64,
    });
    // What is empty is left out in this format.
    let query = joined(&query(head));
    if let Some(event) = event.as_object_mut() {
        event.extend(cookies.map(|cookies| ("cookies".to_owned(), json!(cookies))));
        event.extend(some(query).map(|query| ("queryStringParameters".to_owned(), json!(query))));
        event.extend(text.map(|text| ("body".to_owned(), json!(text))));
    }
    event
}

/// The request's headers, and what a gateway adds.
fn headers(taken: &Taken, sent: &HeaderMap) -> Lists {
    let mut headers = Lists::new();
    for (name, value) in sent {
        if !HOP_BY_HOP.contains(&name.as_str()) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.entry(name.as_str().to_owned()).or_default().push(value);
        }
    }
    // The client's own words first, then who it is: only the last is to be believed.
    let mut forwarded = headers.remove("x-forwarded-for").unwrap_or_default();
    forwarded.push(taken.peer.ip().to_string());
    for (name, value) in [
        ("x-forwarded-for", forwarded.join(", ")),
        ("x-forwarded-port", "443".to_owned()),
        ("x-forwarded-proto", "https".to_owned()),
        ("x-amzn-trace-id", taken.trace_id.clone()),
    ] {
        headers.insert(name.to_owned(), vec![value]);
    }
    headers
}

fn query(head: &Parts) -> Lists {
    let mut query = Lists::new();
    let pairs = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes());
    for (name, value) in pairs.into_owned() {
        query.entry(name).or_default().push(value);
    }
    query
}

/// Text as it is, anything else as base64: what a content type promises is the function's to check. A REST API does so
/// for its `binaryMediaTypes`; without them it would spoil bytes that are not UTF-8.
fn body_of(head: &Parts, body: &[u8]) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let of_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
    let binary = of_type.is_some_and(|of| {
        ["audio/", "image/", "application/pdf", "application/octet-stream"]
            .iter()
            .any(|binary| of.starts_with(binary))
    });
    match std::str::from_utf8(body) {
        Ok(text) if !binary => (Some(text.to_owned()), false),
        Ok(_) | Err(_) => (Some(STANDARD.encode(body)), true),
    }
}

fn last(lists: &Lists, name: &str) -> Option<String> {
    lists.get(name).and_then(|values| values.last()).cloned()
}

fn lasts(lists: &Lists) -> BTreeMap<String, String> {
    let last =
        |(name, values): (&String, &Vec<String>)| Some((name.clone(), values.last()?.clone()));
    lists.iter().filter_map(last).collect()
}

fn joined(lists: &Lists) -> BTreeMap<String, String> {
    lists.iter().map(|(name, values)| (name.clone(), values.join(","))).collect()
}

fn some<T>(map: BTreeMap<String, T>) -> Option<BTreeMap<String, T>> {
    (!map.is_empty()).then_some(map)
}

/// `09/Apr/2015:12:34:56 +0000`.
fn request_time(at_ms: u64) -> String {
    let form =
        format_description!("[day]/[month repr:short]/[year]:[hour]:[minute]:[second] +0000");
    i64::try_from(at_ms / 1_000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|at| at.format(form).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn taken() -> Taken {
        Taken {
            id: "41b45ea3-70b5-11e6-b7bd-69b5aaebc7d9".to_owned(),
            extended_id: "JKJaXmPLvHcESHA=".to_owned(),
            trace_id: "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0".to_owned(),
            peer: "127.100.0.9:5000".parse().unwrap(),
            at_ms: 1_428_582_896_000,
        }
    }

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::post(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_rest_api_sends_format_1() {
        let head = head(
            "/api/manuals?limit=2&tag=a%20b&tag=c",
            &[
                ("host", "127.0.0.1"),
                ("x-forwarded-for", "6.6.6.6"),
                ("accept", "a"),
                ("accept", "b"),
                ("connection", "keep-alive"),
                ("user-agent", "curl"),
            ],
        );
        let event = v1(&taken(), &head, b"{}");
        assert_eq!(event["path"], "/api/manuals");
        assert_eq!(event["httpMethod"], "POST");
        assert_eq!(event["multiValueHeaders"]["accept"], json!(["a", "b"]));
        assert_eq!(event["headers"]["accept"], "b");
        assert_eq!(event["headers"]["x-forwarded-for"], "6.6.6.6, 127.100.0.9");
        assert_eq!(event["headers"].get("connection"), None);
        assert_eq!(event["multiValueQueryStringParameters"]["tag"], json!(["a b", "c"]));
        assert_eq!(event["queryStringParameters"], json!({"limit": "2", "tag": "c"}));
        let context = &event["requestContext"];
        assert_eq!(context["identity"]["sourceIp"], "127.100.0.9");
        assert_eq!(context["requestTime"], "09/Apr/2015:12:34:56 +0000");
        assert_eq!(context.get("authorizer"), None);
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("{}"), &json!(false)));
    }

    #[test]
    fn an_http_api_sends_format_2() {
        let sent = [("cookie", "a=1; b=2"), ("accept", "a"), ("accept", "b")];
        let event = v2(&taken(), &head("/api/query?x=1&x=%202", &sent), b"");
        assert_eq!(event["version"], "2.0");
        assert_eq!(event["rawPath"], "/api/query");
        assert_eq!(event["rawQueryString"], "x=1&x=%202");
        assert_eq!(event["queryStringParameters"], json!({"x": "1, 2"}));
        assert_eq!(event["cookies"], json!(["a=1", "b=2"]));
        assert_eq!(event["headers"]["accept"], "a,b");
        assert_eq!(event["headers"].get("cookie"), None);
        assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.100.0.9");
        assert_eq!(event.get("body"), None);
        let bare = v2(&taken(), &head("/", &[]), b"");
        assert_eq!((bare.get("cookies"), bare.get("queryStringParameters")), (None, None));
    }

    #[test]
    fn bytes_come_as_base64_and_nothing_as_null() {
        let event = v1(&taken(), &head("/", &[]), &[0xff, 0xfe]);
        assert_eq!((&event["body"], &event["isBase64Encoded"]), (&json!("//4="), &json!(true)));
        let pdf = v1(&taken(), &head("/", &[("content-type", "application/pdf")]), b"%PDF");
        assert_eq!((&pdf["body"], &pdf["isBase64Encoded"]), (&json!("JVBERg=="), &json!(true)));
        assert_eq!(v1(&taken(), &head("/", &[]), b"")["body"], Value::Null);
        assert_eq!(v1(&taken(), &head("/", &[]), b"")["queryStringParameters"], Value::Null);
    }
}
