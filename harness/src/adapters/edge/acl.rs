//! A web ACL as `CloudFormation` writes it (`AWS::WAFv2::WebACL`). Data only: what stands in a template and is not known
//! here does not parse, so no rule is ever enforced in part.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde::de::IgnoredAny;

/// The properties of a web ACL.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct WebAcl {
    #[serde(rename = "Name")]
    pub(super) _name: String,
    #[serde(rename = "Scope")]
    pub(super) _scope: Regional,
    pub(super) default_action: DefaultAction,
    #[serde(rename = "VisibilityConfig")]
    pub(super) _visibility_config: IgnoredAny,
    #[serde(default)]
    pub(super) custom_response_bodies: BTreeMap<String, ResponseBody>,
    pub(super) rules: Vec<Rule>,
}

/// An API Gateway's stage is in a region.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum Regional {
    #[serde(rename = "REGIONAL")]
    Regional,
}

/// What is done with a request that no rule decides on.
#[derive(Debug, Deserialize)]
pub(super) enum DefaultAction {
    Allow(Nothing),
    Block(Block),
}

/// `{}`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// The body of an answer to a blocked request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ResponseBody {
    pub(super) content_type: ContentType,
    pub(super) content: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum ContentType {
    ApplicationJson,
    TextHtml,
    TextPlain,
}

/// One rule. Exactly one of `action` and `override_action` is there: the latter for a managed group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) priority: u32,
    pub(super) action: Option<Action>,
    pub(super) override_action: Option<OverrideAction>,
    #[serde(rename = "VisibilityConfig")]
    pub(super) _visibility_config: IgnoredAny,
    pub(super) statement: Statement,
}

/// What a rule of one's own does with a request that it matches.
#[derive(Clone, Debug, Deserialize)]
pub(super) enum Action {
    Allow(Nothing),
    Block(Block),
    Count(Nothing),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Block {
    pub(super) custom_response: Option<CustomResponse>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CustomResponse {
    pub(super) response_code: u16,
    #[serde(rename = "CustomResponseBodyKey")]
    pub(super) body_key: Option<String>,
    #[serde(default)]
    pub(super) response_headers: Vec<Header>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Header {
    pub(super) name: String,
    pub(super) value: String,
}

/// What becomes of the actions of a managed group: its own, or counted.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum OverrideAction {
    None(Nothing),
    Count(Nothing),
}

/// What a rule looks for.
#[derive(Debug, Deserialize)]
#[expect(clippy::enum_variant_names, reason = "CloudFormation's own names")]
pub(super) enum Statement {
    AndStatement(Several),
    OrStatement(Several),
    NotStatement(One),
    IPSetReferenceStatement(IpSetReference),
    RateBasedStatement(RateBased),
    ManagedRuleGroupStatement(ManagedRuleGroup),
    LabelMatchStatement(LabelMatch),
    RegexMatchStatement(RegexMatch),
    ByteMatchStatement(ByteMatch),
    SizeConstraintStatement(SizeConstraint),
    SqliMatchStatement(InjectionMatch),
    XssMatchStatement(InjectionMatch),
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Several {
    pub(super) statements: Vec<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct One {
    pub(super) statement: Box<Statement>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct IpSetReference {
    pub(super) arn: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RateBased {
    #[serde(rename = "AggregateKeyType")]
    pub(super) _aggregate_key_type: ByIp,
    pub(super) limit: u32,
    #[serde(default = "five_minutes")]
    pub(super) evaluation_window_sec: u32,
    pub(super) scope_down_statement: Option<Box<Statement>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum ByIp {
    #[serde(rename = "IP")]
    Ip,
}

const fn five_minutes() -> u32 {
    300
}

/// A group whose rules are AWS's own and closed.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ManagedRuleGroup {
    #[serde(rename = "VendorName")]
    pub(super) _vendor_name: Aws,
    pub(super) name: String,
    #[serde(default)]
    pub(super) rule_action_overrides: Vec<RuleActionOverride>,
    pub(super) scope_down_statement: Option<Box<Statement>>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum Aws {
    #[serde(rename = "AWS")]
    Aws,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RuleActionOverride {
    pub(super) name: String,
    pub(super) action_to_use: Action,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct LabelMatch {
    #[serde(rename = "Scope")]
    pub(super) _scope: WholeLabel,
    pub(super) key: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum WholeLabel {
    #[serde(rename = "LABEL")]
    Label,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RegexMatch {
    pub(super) regex_string: String,
    pub(super) field_to_match: Field,
    pub(super) text_transformations: Vec<TextTransformation>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ByteMatch {
    pub(super) search_string: String,
    pub(super) positional_constraint: Position,
    pub(super) field_to_match: Field,
    pub(super) text_transformations: Vec<TextTransformation>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Position {
    Exactly,
    StartsWith,
    EndsWith,
    Contains,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct SizeConstraint {
    pub(super) comparison_operator: Comparison,
    pub(super) size: usize,
    pub(super) field_to_match: Field,
    pub(super) text_transformations: Vec<TextTransformation>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Comparison {
    Eq,
    Ne,
    Le,
    Lt,
    Ge,
    Gt,
}

/// SQL injection or cross-site scripting.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct InjectionMatch {
    pub(super) field_to_match: Field,
    pub(super) text_transformations: Vec<TextTransformation>,
}

/// A part of a request.
#[derive(Clone, Debug, Deserialize)]
pub(super) enum Field {
    /// As it was sent, neither decoded nor made normal.
    UriPath(Nothing),
    /// What follows `?`.
    QueryString(Nothing),
    /// The value of each argument.
    AllQueryArguments(Nothing),
    Method(Nothing),
    SingleHeader(HeaderName),
    Body(BodyField),
    JsonBody(JsonBodyField),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct HeaderName {
    pub(super) name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct BodyField {
    #[serde(default)]
    pub(super) oversize_handling: Oversize,
}

/// The values of a JSON body; what is none is looked at as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct JsonBodyField {
    #[serde(rename = "MatchPattern")]
    pub(super) _match_pattern: AllOfIt,
    #[serde(rename = "MatchScope")]
    pub(super) _match_scope: Values,
    #[serde(rename = "InvalidFallbackBehavior")]
    pub(super) _invalid_fallback_behavior: AsString,
    #[serde(default)]
    pub(super) oversize_handling: Oversize,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum AllOfIt {
    All(Nothing),
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum Values {
    #[serde(rename = "VALUE")]
    Value,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(super) enum AsString {
    #[serde(rename = "EVALUATE_AS_STRING")]
    EvaluateAsString,
}

/// What is done with a body that is larger than what a firewall gets to see.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Oversize {
    /// What it sees is looked at.
    #[default]
    Continue,
    Match,
    NoMatch,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TextTransformation {
    pub(super) priority: u32,
    #[serde(rename = "Type")]
    pub(super) kind: Transformation,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Transformation {
    None,
    Lowercase,
    UrlDecode,
    HtmlEntityDecode,
}
