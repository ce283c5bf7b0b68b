//! Which operation of which service a request calls, and on which resource. Nothing is trusted and nothing refused: what
//! cannot be told goes through untouched.
mod s3;

use std::borrow::Cow;

use http::request::Parts;
use http::{Method, header};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::catalogue::{Protocol, Service};

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Of the service's model.
    pub operation: String,
    /// The table, bucket, model, queue, topic, secret, job or knowledge base.
    pub resource: Option<String>,
    /// Of a model call: roughly how many tokens it takes, a quarter of its bytes.
    pub tokens: Option<u64>,
}

/// What `head` and `body` ask of `service`; the body may be empty where [`needs_body`] says no.
pub fn target(service: &Service, head: &Parts, body: &[u8]) -> Option<Target> {
    if let Some(operation) = rpc(head) {
        return Some(Target { operation, resource: None, tokens: None });
    }
    match service.protocol {
        Protocol::RestXml => s3::target(head),
        Protocol::RestJson1 => by_path(service, head, body),
        Protocol::AwsQuery => by_form(service, body),
        Protocol::AwsJson10 | Protocol::AwsJson11 | Protocol::RpcV2Cbor => {
            let target = head.headers.get("x-amz-target")?.to_str().ok()?;
            let operation = target.rsplit('.').next()?.to_owned();
            Some(Target { operation, resource: member(service, body), tokens: None })
        }
    }
}

/// Whether operation or resource are told by the body.
pub fn needs_body(service: &Service) -> bool {
    service.protocol != Protocol::RestXml
}

/// A page beside a service, by its file's name.
pub(crate) fn page(parts: &Parts) -> Option<Target> {
    let file = parts.uri.path().rsplit('/').next().filter(|file| !file.is_empty())?;
    (parts.method == Method::GET).then(|| Target {
        operation: file.to_owned(),
        resource: None,
        tokens: None,
    })
}

/// The region in the scope of its signature.
pub(crate) fn region(parts: &Parts) -> Option<&str> {
    let authorization = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    authorization.split("Credential=").nth(1)?.split('/').nth(2)
}

/// Smithy RPC v2 names the operation in the path: `/service/NAME/operation/NAME`.
fn rpc(head: &Parts) -> Option<String> {
    head.headers.get("smithy-protocol")?;
    let mut path = head.uri.path().rsplit('/');
    let operation = path.next()?;
    (path.next()? == "operation").then(|| operation.to_owned())
}

fn by_path(service: &Service, head: &Parts, body: &[u8]) -> Option<Target> {
    let path: Vec<&str> = head.uri.path().trim_matches('/').split('/').collect();
    let label = |segment: &str| segment.starts_with('{');
    let fits = |(method, route, _): &&(String, Vec<String>, String)| {
        head.method == method.as_str()
            && route.len() == path.len()
            && route.iter().zip(&path).all(|(wanted, part)| label(wanted) || wanted == part)
    };
    let (_, route, operation) = service.routes.iter().find(fits)?;
    let first = route.iter().zip(&path).find(|(wanted, _)| label(wanted));
    let resource = first.map(|(_, part)| percent_decode_str(part).decode_utf8_lossy().into_owned());
    let tokens = (service.name == "bedrock-runtime")
        .then(|| u64::try_from(body.len()).unwrap_or(u64::MAX).div_ceil(4));
    Some(Target { operation: operation.clone(), resource, tokens })
}

fn by_form(service: &Service, body: &[u8]) -> Option<Target> {
    let field = |name: &str| {
        url::form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value)
    };
    let operation = field("Action")?.into_owned();
    let resource =
        service.resource.iter().find_map(|name| field(name)).map(|name| last(&name).to_owned());
    Some(Target { operation, resource, tokens: None })
}

fn member(service: &Service, body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let named =
        service.resource.iter().find_map(|name| body.get(name)?.as_str().map(Cow::Borrowed));
    let named = named.or_else(|| nested(&body).map(Cow::Owned))?;
    Some(last(&named).to_owned())
}

/// DynamoDB's batches and transactions name tables further in; the first stands for all.
fn nested(body: &Value) -> Option<String> {
    if let Some(tables) = body.get("RequestItems").and_then(Value::as_object) {
        return tables.keys().next().cloned();
    }
    let items = body.get("TransactItems")?.as_array()?;
    let action = items.first()?.as_object()?.values().next()?;
    action.get("TableName")?.as_str().map(str::to_owned)
}

/// The name at the end of a queue's URL or of an ARN.
fn last(name: &str) -> &str {
    if name.starts_with("arn:") || name.starts_with("http") {
        return name.rsplit(['/', ':']).next().unwrap_or(name);
    }
    name
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::target;
    use crate::catalogue::Catalogue;

    fn ask(service: &str, line: &str, header: (&str, &str), body: &str) -> String {
        let (method, uri) = line.split_once(' ').unwrap();
        let request = Request::builder().method(method).uri(uri).header(header.0, header.1);
        let (head, ()) = request.body(()).unwrap().into_parts();
        let catalogue = Catalogue::builtin().unwrap();
        let found = target(catalogue.service(service).unwrap(), &head, body.as_bytes());
        found.map_or("-".to_owned(), |target| {
            format!("{} {}", target.operation, target.resource.as_deref().unwrap_or("-"))
        })
    }

    /// Service, request line, header, body, and what is told of them.
    type Row =
        (&'static str, &'static str, (&'static str, &'static str), &'static str, &'static str);

    const NONE: (&str, &str) = ("x-none", "");
    const ROWS: &[Row] = &[
        (
            "dynamodb",
            "POST /",
            ("x-amz-target", "DynamoDB_20120810.GetItem"),
            r#"{"TableName":"t"}"#,
            "GetItem t",
        ),
        (
            "dynamodb",
            "POST /",
            ("x-amz-target", "DynamoDB_20120810.GetItem"),
            r#"{"TableName":"arn:aws:dynamodb:eu-west-1:1:table/t"}"#,
            "GetItem t",
        ),
        (
            "dynamodb",
            "POST /",
            ("x-amz-target", "DynamoDB_20120810.TransactWriteItems"),
            r#"{"TransactItems":[{"Put":{"TableName":"t"}}]}"#,
            "TransactWriteItems t",
        ),
        (
            "dynamodb",
            "POST /",
            ("x-amz-target", "DynamoDB_20120810.BatchGetItem"),
            r#"{"RequestItems":{"t":{}}}"#,
            "BatchGetItem t",
        ),
        (
            "dynamodb",
            "POST /",
            ("x-amz-target", "DynamoDB_20120810.GetItem"),
            "rubbish",
            "GetItem -",
        ),
        (
            "bedrock-runtime",
            "POST /model/amazon.nova-lite-v1%3A0/converse",
            NONE,
            "{}",
            "Converse amazon.nova-lite-v1:0",
        ),
        (
            "bedrock-agent",
            "PUT /knowledgebases/K/datasources/D/ingestionjobs/",
            NONE,
            "{}",
            "StartIngestionJob K",
        ),
        (
            "bedrock-agent",
            "POST /knowledgebases/K/datasources/D/ingestionjobs/",
            NONE,
            "{}",
            "ListIngestionJobs K",
        ),
        ("bedrock-agent-runtime", "POST /knowledgebases/K/retrieve", NONE, "{}", "Retrieve K"),
        ("bedrock-agent-runtime", "GET /knowledgebases/K/retrieve", NONE, "{}", "-"),
        (
            "sqs",
            "POST /",
            ("x-amz-target", "AmazonSQS.SendMessage"),
            r#"{"QueueUrl":"http://127.0.0.1:1/12/q"}"#,
            "SendMessage q",
        ),
        (
            "sns",
            "POST /",
            NONE,
            "Action=Publish&TopicArn=arn%3Aaws%3Asns%3Aeu-west-1%3A1%3Aalerts",
            "Publish alerts",
        ),
        (
            "transcribe",
            "POST /service/Transcribe/operation/GetTranscriptionJob",
            ("smithy-protocol", "rpc-v2-cbor"),
            "",
            "GetTranscriptionJob -",
        ),
        (
            "secretsmanager",
            "POST /",
            ("x-amz-target", "secretsmanager.GetSecretValue"),
            r#"{"SecretId":"s"}"#,
            "GetSecretValue s",
        ),
        ("cognito-idp", "GET /pool/.well-known/jwks.json", NONE, "", "-"),
        ("s3", "PUT /bucket/a/key", NONE, "", "PutObject bucket"),
        ("s3", "GET /a/key", ("host", "bucket.s3.eu-west-1.amazonaws.com"), "", "GetObject bucket"),
    ];

    #[test]
    fn requests_of_every_protocol() {
        for (service, line, header, body, is) in ROWS {
            assert_eq!(ask(service, line, *header, body), *is, "{service} {line}");
        }
    }
}
