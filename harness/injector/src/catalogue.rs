//! The errors of each service, as data: code, status, members, and how often the SDK tries. One readable file per
//! service in `data/`, checked when it is read.
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Map, Value};

/// How a service spells its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Protocol {
    /// A namespaced `__type` in a JSON body.
    #[serde(rename = "aws-json-1.0")]
    AwsJson10,
    /// The same with a bare `__type`.
    #[serde(rename = "aws-json-1.1")]
    AwsJson11,
    /// The code in `x-amzn-ErrorType`, the body only a message.
    #[serde(rename = "rest-json-1")]
    RestJson1,
    /// S3's XML.
    #[serde(rename = "rest-xml")]
    RestXml,
    /// A form in, XML out.
    #[serde(rename = "aws-query")]
    AwsQuery,
    /// Smithy RPC v2 CBOR: the code in a CBOR map.
    #[serde(rename = "rpc-v2-cbor")]
    RpcV2Cbor,
}

/// One error of a service.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorShape {
    /// Its name in the model, or what AWS calls it where no model does.
    pub code: String,
    /// HTTP status.
    pub status: u16,
    /// As AWS writes it; `{operation}` and `{resource}` are filled in.
    pub message: String,
    /// How often the SDK for Rust tries a call that always gets it, of at most 3. Measured.
    pub attempts: u32,
    /// Whether the operations' models have it, so that the SDK has a type for it.
    #[serde(default = "yes")]
    pub modeled: bool,
    /// Further members of the body.
    #[serde(default)]
    pub members: Map<String, Value>,
    /// The member with the message, where it is not the service's.
    #[serde(default)]
    pub message_member: Option<String>,
    /// Before `#` in `__type`, where it is not the service's.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The query API's code for it.
    #[serde(default)]
    pub query_code: Option<String>,
    /// The operations that can answer it; empty means all.
    #[serde(default)]
    pub operations: Vec<String>,
    /// Whether it may come in the middle of an event stream.
    #[serde(default)]
    pub stream: InStream,
}

/// Whether an error comes in the middle of an event stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InStream {
    /// Only as an answer.
    #[default]
    Never,
    /// As an answer as well.
    Also,
    /// Only there.
    Only,
}

fn yes() -> bool {
    true
}

impl ErrorShape {
    /// An error that is in no file: a code, a status and a message.
    pub fn bare(code: &str, status: u16, message: &str) -> Self {
        Self {
            code: code.to_owned(),
            status,
            message: message.to_owned(),
            attempts: 1,
            modeled: false,
            members: Map::new(),
            message_member: None,
            namespace: None,
            query_code: None,
            operations: Vec::new(),
            stream: InStream::Never,
        }
    }
}

/// One service: how it speaks, what it is asked, what it refuses with.
#[derive(Debug, Clone)]
pub struct Service {
    /// The endpoint's name, such as `bedrock-runtime`.
    pub name: String,
    /// How it spells its answers.
    pub protocol: Protocol,
    /// XML namespace, or what stands before `#` in `__type` and after `:` in `x-amzn-ErrorType`.
    pub namespace: String,
    /// The member with an error's text.
    pub message_member: String,
    /// Whether errors carry `x-amzn-ErrorType` beside `__type`.
    pub error_header: bool,
    /// Whether errors carry `x-amzn-query-error`.
    pub query_compatible: bool,
    /// The operation by which errors are tried that any operation can answer.
    pub default_operation: String,
    /// The names of its operations.
    pub operations: BTreeSet<String>,
    /// Input members that name the resource, the first that is there counts.
    pub resource: Vec<String>,
    /// Method, path segments and operation, of services that are asked by path.
    pub(crate) routes: Vec<(String, Vec<String>, String)>,
    errors: BTreeMap<String, ErrorShape>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    protocol: Protocol,
    #[serde(default)]
    namespace: String,
    default: String,
    #[serde(default)]
    message_member: Option<String>,
    #[serde(default)]
    error_header: bool,
    #[serde(default)]
    query_compatible: bool,
    #[serde(default)]
    resource: Vec<String>,
    #[serde(default)]
    operations: BTreeSet<String>,
    #[serde(default)]
    routes: BTreeMap<String, String>,
    #[serde(rename = "error")]
    errors: Vec<toml::Spanned<ErrorShape>>,
}

/// A file of the catalogue that cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CatalogueError {
    /// It does not parse, or has a key that is none.
    #[error("data/{file}.toml: {reason}")]
    Parse {
        /// The service.
        file: String,
        /// With line and column.
        reason: String,
    },
    /// An error that cannot be.
    #[error("data/{file}.toml:{line}: {key}: {reason}")]
    Entry {
        /// The service.
        file: String,
        /// Where the error begins, from 1.
        line: usize,
        /// The key that is wrong.
        key: &'static str,
        /// What was expected.
        reason: String,
    },
}

/// All services.
#[derive(Debug, Clone)]
pub struct Catalogue(BTreeMap<String, Service>);

const FILES: [(&str, &str); 10] = [
    ("bedrock-agent", include_str!("../data/bedrock-agent.toml")),
    ("bedrock-agent-runtime", include_str!("../data/bedrock-agent-runtime.toml")),
    ("bedrock-runtime", include_str!("../data/bedrock-runtime.toml")),
    ("cognito-idp", include_str!("../data/cognito-idp.toml")),
    ("dynamodb", include_str!("../data/dynamodb.toml")),
    ("s3", include_str!("../data/s3.toml")),
    ("secretsmanager", include_str!("../data/secretsmanager.toml")),
    ("sns", include_str!("../data/sns.toml")),
    ("sqs", include_str!("../data/sqs.toml")),
    ("transcribe", include_str!("../data/transcribe.toml")),
];

impl Catalogue {
    /// The catalogue that is built in.
    pub fn builtin() -> Result<Self, CatalogueError> {
        let services =
            FILES.iter().map(|(name, text)| Ok(((*name).to_owned(), Service::parse(name, text)?)));
        services.collect::<Result<_, _>>().map(Self)
    }

    /// By the endpoint's name.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.0.get(name)
    }

    /// All of them, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service> {
        self.0.values()
    }

    /// The name that was probably meant.
    pub fn nearest_service(&self, name: &str) -> Option<&str> {
        nearest(name, self.0.keys().map(String::as_str))
    }
}

impl Service {
    /// Reads one file; `name` is the endpoint's and the file's.
    pub(crate) fn parse(name: &str, text: &str) -> Result<Self, CatalogueError> {
        let parse = |reason: String| CatalogueError::Parse { file: name.to_owned(), reason };
        let file: File = toml::from_str(text).map_err(|error| parse(error.to_string()))?;
        let mut operations = file.operations;
        operations.extend(file.routes.keys().cloned());
        let routes = file.routes.iter().map(|(operation, route)| {
            let (method, path) = route
                .split_once(" /")
                .ok_or_else(|| parse(format!("routes.{operation}: expected METHOD /PATH")))?;
            let path = path.trim_end_matches('/').split('/').map(str::to_owned).collect();
            Ok((method.to_owned(), path, operation.clone()))
        });
        let mut service = Self {
            name: name.to_owned(),
            protocol: file.protocol,
            namespace: file.namespace,
            message_member: file.message_member.unwrap_or_else(|| "message".to_owned()),
            error_header: file.error_header,
            query_compatible: file.query_compatible,
            default_operation: file.default,
            routes: routes.collect::<Result<_, _>>()?,
            operations,
            resource: file.resource,
            errors: BTreeMap::new(),
        };
        let unknown = |operation: &str| format!("names no operation `{operation}`");
        if !service.operations.contains(&service.default_operation) {
            return Err(parse(format!("default: {}", unknown(&service.default_operation))));
        }
        for error in file.errors {
            let line = text[..error.span().start].matches('\n').count() + 1;
            let error = error.into_inner();
            let entry = |key, reason| {
                Err(CatalogueError::Entry { file: name.to_owned(), line, key, reason })
            };
            if !(400..=599).contains(&error.status) {
                return entry("status", format!("{} is not from 400 to 599", error.status));
            }
            if !(1..=3).contains(&error.attempts) {
                return entry("attempts", format!("{} is not from 1 to 3", error.attempts));
            }
            if let Some(operation) =
                error.operations.iter().find(|name| !service.operations.contains(*name))
            {
                let near = hint(service.nearest_operation(operation));
                return entry("operations", format!("{}{near}", unknown(operation)));
            }
            if service.errors.contains_key(&error.code) {
                return entry("code", format!("`{}` is there already", error.code));
            }
            service.errors.insert(error.code.clone(), error);
        }
        Ok(service)
    }

    /// By its code.
    pub fn error(&self, code: &str) -> Option<&ErrorShape> {
        self.errors.get(code)
    }

    /// All of them, by code.
    pub fn errors(&self) -> impl Iterator<Item = &ErrorShape> {
        self.errors.values()
    }

    /// An operation that can answer `error`.
    pub fn operation_for<'a>(&'a self, error: &'a ErrorShape) -> &'a str {
        error.operations.first().unwrap_or(&self.default_operation)
    }

    /// The code that was probably meant.
    pub fn nearest_error(&self, code: &str) -> Option<&str> {
        nearest(code, self.errors.keys().map(String::as_str))
    }

    /// The operation that was probably meant.
    pub fn nearest_operation(&self, name: &str) -> Option<&str> {
        nearest(name, self.operations.iter().map(String::as_str))
    }
}

/// The one of `known` that was probably meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase()), known))
        .filter(|(near, _)| *near > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// What is put behind a message about a name that is none.
pub(crate) fn hint(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, Service};

    #[test]
    fn every_file_is_sound_and_there_are_enough_pairs() {
        let catalogue = Catalogue::builtin().unwrap();
        let pairs: usize = catalogue.services().map(|service| service.errors().count()).sum();
        assert!(pairs >= 65, "{pairs}");
        assert_eq!(catalogue.nearest_service("dynamo"), Some("dynamodb"));
        let runtime = catalogue.service("bedrock-runtime").unwrap();
        assert_eq!(runtime.nearest_error("ThrotlingExeption"), Some("ThrottlingException"));
    }

    #[test]
    fn mistakes_name_file_line_and_key() {
        let head = "protocol = \"rest-xml\"\ndefault = \"A\"\noperations = [\"A\"]\n";
        let error = "[[error]]\ncode = \"C\"\nstatus = 400\nattempts = 1\nmessage = \"\"\n";
        for (text, says) in [
            (format!("{head}{error}colour = 1"), "unknown field `colour`"),
            (format!("{head}{error}colour = 1"), "line 9"),
            (format!("{head}{}", error.replace("400", "200")), "data/x.toml:4: status: 200"),
            (format!("{head}{}", error.replace("= 1", "= 4")), "data/x.toml:4: attempts: 4"),
            (format!("{head}{error}{error}"), "data/x.toml:9: code: `C` is there already"),
            (format!("{head}{error}operations = [\"a\"]"), "did you mean `A`?"),
            (head.replace("\"A\"\nop", "\"B\"\nop") + error, "default: names no operation `B`"),
        ] {
            let told = Service::parse("x", &text).unwrap_err().to_string();
            assert!(told.contains(says), "{told}");
        }
    }
}
