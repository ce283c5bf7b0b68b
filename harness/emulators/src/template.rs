//! Reading tables, time-to-live attributes, buckets, queues and topics out of the `CloudFormation` template that
//! deploys the backend, so that there is one description of them. Intrinsic functions (`!Ref`,
//! `!Sub`, `!If` …) are tolerated, not evaluated: names come from the logical ids.
mod queues;

use std::path::Path;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::resources::NAME_PREFIX;

#[cfg(test)]
pub(crate) use self::queues::Redrive;
pub(crate) use self::queues::{QueueSpec, TopicSpec};

/// A template that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    #[error("cannot read it")]
    Read(#[source] std::io::Error),
    #[error("it is not YAML")]
    Yaml(#[source] saphyr::ScanError),
    #[error("it has no `Resources`")]
    NoResources,
    #[error("table `{0}` has no `{1}`")]
    Table(String, &'static str),
    #[error("`{0}` has a `{1}` that is not emulated")]
    Property(String, &'static str),
    #[error("it has no bucket `ManualsBucket`")]
    NoManualsBucket,
}

/// What the template says of stores.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    pub(crate) tables: Vec<Table>,
    pub(crate) buckets: Vec<Bucket>,
    pub(crate) queues: Vec<QueueSpec>,
    pub(crate) topics: Vec<TopicSpec>,
}

/// A table to create.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) logical_id: String,
    pub(crate) name: String,
    /// A `CreateTable` request.
    pub(crate) create: Value,
    /// The attribute that holds the expiry.
    pub(crate) ttl: Option<String>,
}

/// A bucket to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) logical_id: String,
    pub(crate) name: String,
}

impl Template {
    /// Reads a file; it is small and read once, before anything is served.
    pub(crate) fn read(path: &Path) -> Result<Self, TemplateError> {
        Self::parse(&std::fs::read_to_string(path).map_err(TemplateError::Read)?)
    }

    fn parse(text: &str) -> Result<Self, TemplateError> {
        let documents = Yaml::load_from_str(text).map_err(TemplateError::Yaml)?;
        let document = documents.first().map(to_json).unwrap_or_default();
        let resources = document
            .get("Resources")
            .and_then(Value::as_object)
            .ok_or(TemplateError::NoResources)?;
        let mut template = Self {
            tables: Vec::new(),
            buckets: Vec::new(),
            queues: Vec::new(),
            topics: Vec::new(),
        };
        for (id, resource) in resources {
            let properties = resource.get("Properties").cloned().unwrap_or(json!({}));
            match resource.get("Type").and_then(Value::as_str) {
                Some("AWS::DynamoDB::Table") => template.tables.push(table(id, &properties)?),
                Some("AWS::Serverless::SimpleTable") => {
                    template.tables.push(simple_table(id, &properties));
                }
                Some("AWS::S3::Bucket") => template
                    .buckets
                    .push(Bucket { logical_id: id.clone(), name: name(id, "Bucket") }),
                Some("AWS::SQS::Queue") => template.queues.push(queues::queue(id, &properties)?),
                Some("AWS::SNS::Topic") => template.topics.push(queues::topic(id, &properties)?),
                _ => {}
            }
        }
        queues::check_redrives(&template.queues)?;
        Ok(template)
    }

    /// The bucket whose objects the knowledge base indexes.
    pub(crate) fn manuals_bucket(&self) -> Result<&str, TemplateError> {
        self.buckets
            .iter()
            .find(|bucket| bucket.logical_id == "ManualsBucket")
            .map(|bucket| bucket.name.as_str())
            .ok_or(TemplateError::NoManualsBucket)
    }
}

/// `RateLimitTable` → `manuel-local-rate-limit`.
pub(crate) fn name(logical_id: &str, suffix: &str) -> String {
    let stem = logical_id.strip_suffix(suffix).filter(|stem| !stem.is_empty());
    let mut name = NAME_PREFIX.to_owned();
    for (index, letter) in stem.unwrap_or(logical_id).char_indices() {
        if letter.is_ascii_uppercase() && index > 0 {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

fn table(id: &str, properties: &Value) -> Result<Table, TemplateError> {
    let name = name(id, "Table");
    let mut create = Map::new();
    create.insert("TableName".into(), name.clone().into());
    for required in ["AttributeDefinitions", "KeySchema"] {
        let value = properties
            .get(required)
            .ok_or_else(|| TemplateError::Table(id.to_owned(), required))?;
        create.insert(required.into(), value.clone());
    }
    for optional in ["GlobalSecondaryIndexes", "LocalSecondaryIndexes"] {
        if let Some(Value::Array(indexes)) = properties.get(optional) {
            create.insert(optional.into(), indexes.iter().map(on_demand_index).collect());
        }
    }
    // On demand whatever the template says: an emulator has no capacity to run out of.
    create.insert("BillingMode".into(), "PAY_PER_REQUEST".into());
    let ttl = properties
        .get("TimeToLiveSpecification")
        .filter(|ttl| ttl.get("Enabled") != Some(&Value::Bool(false)))
        .and_then(|ttl| ttl.get("AttributeName"))
        .and_then(Value::as_str)
        .map(str::to_owned);
    Ok(Table { logical_id: id.to_owned(), name, create: Value::Object(create), ttl })
}

fn on_demand_index(index: &Value) -> Value {
    let mut index = index.clone();
    if let Some(members) = index.as_object_mut() {
        members.retain(|member, _| {
            matches!(member.as_str(), "IndexName" | "KeySchema" | "Projection")
        });
    }
    index
}

fn simple_table(id: &str, properties: &Value) -> Table {
    let name = name(id, "Table");
    let key = properties.pointer("/PrimaryKey/Name").and_then(Value::as_str).unwrap_or("id");
    let kind = match properties.pointer("/PrimaryKey/Type").and_then(Value::as_str) {
        Some("Number") => "N",
        Some("Binary") => "B",
        _ => "S",
    };
    let create = json!({
        "TableName": name,
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": kind}],
        "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    });
    Table { logical_id: id.to_owned(), name, create, ttl: None }
}

fn to_json(node: &Yaml<'_>) -> Value {
    match node {
        Yaml::Tagged(_, inner) => to_json(inner),
        Yaml::Sequence(items) => items.iter().map(to_json).collect(),
        Yaml::Mapping(entries) => Value::Object(
            entries
                .iter()
                .filter_map(|(key, value)| Some((key_text(key)?, to_json(value))))
                .collect(),
        ),
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => (*value).into(),
        Yaml::Value(Scalar::FloatingPoint(value)) => value.into_inner().into(),
        Yaml::Value(Scalar::String(text)) | Yaml::Representation(text, ..) => text.as_ref().into(),
        Yaml::Value(Scalar::Null) | Yaml::Alias(_) | Yaml::BadValue => Value::Null,
    }
}

fn key_text(key: &Yaml<'_>) -> Option<String> {
    match to_json(key) {
        Value::String(text) => Some(text),
        Value::Null => None,
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(other.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Template, TemplateError};

    const TEMPLATE: &str = "
AWSTemplateFormatVersion: '2010-09-09'
Parameters: {Stage: {Type: String}}
Resources:
  RateLimitTable:
    Type: AWS::DynamoDB::Table
    Properties:
      TableName: !Sub 'manuel-${Stage}-rate-limit'
      BillingMode: !If [IsProduction, PROVISIONED, PAY_PER_REQUEST]
      AttributeDefinitions:
        - {AttributeName: pk, AttributeType: S}
        - {AttributeName: sk, AttributeType: N}
      KeySchema:
        - {AttributeName: pk, KeyType: HASH}
      GlobalSecondaryIndexes:
        - IndexName: by_sk
          KeySchema: [{AttributeName: sk, KeyType: HASH}]
          Projection: {ProjectionType: ALL}
          ProvisionedThroughput: {ReadCapacityUnits: 1, WriteCapacityUnits: 1}
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
  ManualsBucket:
    Type: AWS::S3::Bucket
    Properties: {BucketName: !Sub 'manuel-${Stage}-manuals'}
  Role: {Type: AWS::IAM::Role, Properties: {Path: !GetAtt X.Arn}}
";

    #[test]
    fn reads_tables_and_buckets_past_intrinsic_functions() {
        let template = Template::parse(TEMPLATE).unwrap();
        let [table] = template.tables.as_slice() else { panic!("{template:?}") };
        assert_eq!(table.name, "manuel-local-rate-limit");
        assert_eq!(table.ttl.as_deref(), Some("expires_at"));
        assert_eq!(table.create["BillingMode"], "PAY_PER_REQUEST");
        assert_eq!(table.create["GlobalSecondaryIndexes"][0]["IndexName"], "by_sk");
        assert!(table.create["GlobalSecondaryIndexes"][0].get("ProvisionedThroughput").is_none());
        assert_eq!(template.manuals_bucket().unwrap(), "manuel-local-manuals");
    }

    #[test]
    fn says_what_is_missing() {
        assert!(matches!(Template::parse("a: 1"), Err(TemplateError::NoResources)));
        assert!(matches!(Template::parse("a: ]"), Err(TemplateError::Yaml(_))));
        let text = "Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {KeySchema: []}}}";
        let error = Template::parse(text).unwrap_err();
        assert_eq!(error.to_string(), "table `T` has no `AttributeDefinitions`");
    }
}
