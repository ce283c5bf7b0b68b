//! The template of the deployment, held to the code: its parameters and the files that give them, the variables of the
//! functions, and the routes. What `CloudFormation` itself demands is `cfn-lint`'s (`.ci/template`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use backend::config::{Config, Environment};
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::Value;

const STAGES: [&str; 3] = ["dev", "staging", "production"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

/// Intrinsic functions are gone: `!Ref X` is the text `X`.
fn template() -> Value {
    let text = std::fs::read_to_string(folder().join("template.yaml")).unwrap();
    json(Yaml::load_from_str(&text).unwrap().first().unwrap())
}

fn json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Tagged(_, inner) => json(inner),
        Yaml::Sequence(items) => items.iter().map(json).collect(),
        Yaml::Mapping(entries) => Value::Object(
            entries.iter().map(|(key, value)| (text(&json(key)), json(value))).collect(),
        ),
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(text)) | Yaml::Representation(text, ..) => text.as_ref().into(),
        Yaml::Value(Scalar::Null) | Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn given(stage: &str) -> BTreeMap<String, String> {
    let file = std::fs::read_to_string(folder().join(format!("parameters-{stage}.json"))).unwrap();
    let list: Vec<BTreeMap<String, String>> = serde_json::from_str(&file).unwrap();
    let pairs = list.iter().map(|one| (one["ParameterKey"].clone(), one["ParameterValue"].clone()));
    let map: BTreeMap<_, _> = pairs.collect();
    assert_eq!(map.len(), list.len(), "a parameter is given twice for {stage}");
    map
}

/// Whether a value keeps to what the template says of its parameter.
fn allowed(rule: &Value, value: &str) -> Result<(), String> {
    if let Some(words) = rule["AllowedValues"].as_array()
        && !words.iter().any(|word| text(word) == value)
    {
        return Err(format!("`{value}` is none of {words:?}"));
    }
    if rule["Type"] == "Number" {
        let number: f64 = value.parse().map_err(|_error| format!("`{value}` is no number"))?;
        let within = rule["MinValue"].as_f64().is_none_or(|least| number >= least)
            && rule["MaxValue"].as_f64().is_none_or(|most| number <= most);
        if !within {
            return Err(format!("{number} is out of range"));
        }
    }
    Ok(())
}

#[test]
fn each_parameter_is_given_for_each_stage_used_and_within_its_bounds() {
    let template = template();
    let declared = template["Parameters"].as_object().unwrap();
    let source = std::fs::read_to_string(folder().join("template.yaml")).unwrap();
    for name in declared.keys() {
        let uses = [
            format!("!Ref {name}\n"),
            format!("!Ref {name}]"),
            format!("!Ref {name},"),
            format!("!Ref {name}}}"),
            format!("${{{name}}}"),
        ];
        assert!(uses.iter().any(|used| source.contains(used)), "{name} is used nowhere");
    }
    let names: BTreeSet<&String> = declared.keys().collect();
    for stage in STAGES {
        let given = given(stage);
        assert_eq!(given.keys().collect::<BTreeSet<_>>(), names, "{stage}");
        assert_eq!(given["Stage"], stage);
        for (name, value) in &given {
            allowed(&declared[name], value).unwrap_or_else(|why| panic!("{stage}: {name}: {why}"));
        }
    }
    assert!(allowed(&declared["Stage"], "nowhere").is_err(), "the check can fail");
    assert!(allowed(&declared["RetrievalResults"], "21").is_err(), "the check can fail");
}

/// What a deployed function finds in its environment, with stand-ins for what `CloudFormation` makes.
fn environment(template: &Value, parameters: &BTreeMap<String, String>) -> Environment {
    let made = |variable: &str| match variable {
        "DLQ_URL" => "https://sqs.eu-west-1.amazonaws.com/123456789012/manuel-dlq".to_owned(),
        "ALERTS_TOPIC_ARN" => "arn:aws:sns:eu-west-1:123456789012:manuel-alerts".to_owned(),
        "USER_POOL_ID" => "eu-west-1_Abc123".to_owned(),
        other => format!("made-{}", other.to_lowercase()),
    };
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    let mut environment: Environment = variables
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| {
            let known = parameters.get(&text(value)).cloned();
            (name.clone(), known.unwrap_or_else(|| made(name)))
        })
        .collect();
    environment.insert("AWS_REGION".to_owned(), "eu-west-1".to_owned());
    environment
}

#[test]
fn a_deployed_function_finds_a_configuration_that_starts() {
    let template = template();
    for stage in STAGES {
        let config = Config::from_environment(&environment(&template, &given(stage)));
        let config = config.unwrap_or_else(|errors| panic!("{stage}: {errors:?}"));
        assert_eq!(config.stage.as_str(), stage);
        assert!(config.hmac_key_secret_id.is_some() && config.dlq_url.is_some());
        assert!(config.alerts_topic_arn.is_some());
        // The service must have answered before the function is stopped, and that before the API gives up at 29 s.
        let function = template["Globals"]["Function"]["Timeout"].as_u64().unwrap();
        assert!(config.request_deadline.as_secs() < function && function < 29);
    }
}

/// The path of every event of the API, and the binary that gets it.
fn events(template: &Value) -> BTreeMap<String, String> {
    let mut events = BTreeMap::new();
    for resource in template["Resources"].as_object().unwrap().values() {
        let binary = text(&resource["Metadata"]["BuildProperties"]["Binary"]);
        for event in resource["Properties"]["Events"].as_object().into_iter().flatten() {
            let properties = &event.1["Properties"];
            if event.1["Type"] == "Api" {
                let path = text(&properties["Path"]);
                assert_eq!(
                    properties["Method"], "any",
                    "{path}: OPTIONS and 405 are ours to answer"
                );
                let before = events.insert(path.clone(), binary.clone());
                assert_eq!(before, None, "{path} has two functions");
            }
        }
    }
    events
}

#[test]
fn every_documented_path_reaches_its_function() {
    let template = template();
    let events = events(&template);
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let document: Value = serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap();
    let documented: BTreeSet<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert!(documented.len() >= 10, "{documented:?}");
    for path in &documented {
        // What has no event of its own falls to the health function, which answers 404 to what is not its own.
        let function = events.get(*path).map_or("health", String::as_str);
        assert_eq!(function, function_of(path), "{path}");
    }
    for (path, binary) in &events {
        let known = documented.contains(path) || ["/", "/{proxy+}"].contains(&path.as_str());
        assert!(known, "{path} of {binary} is documented nowhere");
    }
}

/// Which function answers a path: the table of the architecture.
fn function_of(path: &str) -> &'static str {
    match path {
        "/api/query" => "query",
        "/api/transcribe" => "transcribe",
        other if other.starts_with("/api/manuals") || other.starts_with("/api/ingestion") => {
            "manuals"
        }
        other if other.starts_with("/api/user") => "usage",
        _ => "health",
    }
}

fn rules(template: &Value) -> &Vec<Value> {
    template["Resources"]["WebAcl"]["Properties"]["Rules"].as_array().unwrap()
}

/// The firewall asks for a token by the beginning of a path; the document says which calls take one.
#[test]
fn the_firewall_asks_for_a_token_where_the_document_does() {
    let template = template();
    let rule = rules(&template).iter().find(|rule| rule["Name"] == "no-token").unwrap();
    let path = &rule["Statement"]["AndStatement"]["Statements"][0]["RegexMatchStatement"];
    assert_eq!(path["RegexString"], "^(/[a-z]+)?/api/");
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let document: Value = serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let security = operation["security"].as_array();
            let token = security.is_some_and(|ways| ways.iter().any(|way| !way["token"].is_null()));
            let asked = path.starts_with("/api/") && method != "options";
            assert_eq!(token, asked, "{method} {path}");
        }
    }
}

/// Whoever is refused by the firewall reads an error of the same form as Manuel's own, but for the id.
#[test]
fn the_firewall_answers_in_the_form_of_our_errors() {
    let template = template();
    let acl = &template["Resources"]["WebAcl"]["Properties"];
    let bodies = acl["CustomResponseBodies"].as_object().unwrap();
    for (name, body) in bodies {
        let body: Value = serde_json::from_str(body["Content"].as_str().unwrap()).unwrap();
        assert_eq!(text(&body["code"]).replace('_', "-"), *name);
        assert!(body["error"].as_str().unwrap().ends_with('.') && body["retryable"].is_boolean());
    }
    let source = std::fs::read_to_string(folder().join("template.yaml")).unwrap();
    for name in bodies.keys() {
        assert!(
            source.contains(&format!("CustomResponseBodyKey: {name}")),
            "{name} is used nowhere"
        );
    }
}
