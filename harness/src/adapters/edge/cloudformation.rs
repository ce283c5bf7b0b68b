//! A `CloudFormation` template with its intrinsic functions: parameters with their defaults or what was chosen instead,
//! conditions, and the functions that a firewall and an API are described with. What is not resolved is an error by
//! name, and nothing else of the template is looked at.

mod yaml;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Map;
use serde_json::Value;
use thiserror::Error;

/// Conditions may name each other; a circle ends here.
const DEPTH_MAX: u32 = 16;

/// The template, or what was chosen for its parameters, cannot be used.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// No YAML.
    #[error("it is not YAML")]
    Yaml {
        /// Where and why.
        #[source]
        source: saphyr::ScanError,
    },
    /// A section, parameter or condition that something refers to.
    #[error("it has no {0}")]
    Missing(String),
    /// A choice for what is no parameter.
    #[error("it has no parameter `{name}`; it has {}", known.join(", "))]
    NoParameter {
        /// What was chosen for.
        name: String,
        /// Those that it has.
        known: Vec<String>,
    },
    /// An intrinsic function, or one with other arguments than it takes.
    #[error("`{0}` is not resolved here")]
    Function(String),
    /// A pattern that is none.
    #[error("the pattern of the parameter `{name}` does not compile")]
    Pattern {
        /// The parameter.
        name: String,
        /// Why.
        #[source]
        source: regex::Error,
    },
    /// What was chosen is not what the parameter takes.
    #[error("the parameter `{name}` does not take {value:?}: {why}")]
    Value {
        /// The parameter.
        name: String,
        /// The choice.
        value: String,
        /// What it takes.
        why: String,
    },
}

/// A template with values for its parameters.
#[derive(Debug)]
pub(super) struct Resolver {
    document: Value,
    parameters: BTreeMap<String, Value>,
    read: RefCell<BTreeSet<String>>,
}

impl Resolver {
    /// Reads `text`; `chosen` stands instead of the defaults of parameters.
    pub(super) fn new(text: &str, chosen: &BTreeMap<String, String>) -> Result<Self, ResolveError> {
        let document = yaml::parse(text).map_err(|source| ResolveError::Yaml { source })?;
        let declared = document.get("Parameters").and_then(Value::as_object);
        let none = Map::new();
        let declared = declared.unwrap_or(&none);
        if let Some(unknown) = chosen.keys().find(|name| !declared.contains_key(*name)) {
            let known = declared.keys().cloned().collect();
            return Err(ResolveError::NoParameter { name: unknown.clone(), known });
        }
        let mut parameters = BTreeMap::new();
        for (name, rule) in declared {
            // A parameter without a default has a value only where one was chosen: whoever refers to it says so.
            if let Some(text) = chosen.get(name).cloned().or_else(|| rule.get("Default").map(plain))
            {
                parameters.insert(name.clone(), value(name, rule, text)?);
            }
        }
        Ok(Self { document, parameters, read: RefCell::default() })
    }

    /// The resources of a type, but for those whose condition does not hold: name, and properties.
    pub(super) fn resources(&self, kind: &str) -> Result<Vec<(String, Value)>, ResolveError> {
        let all = self.document.get("Resources").and_then(Value::as_object);
        let all = all.ok_or_else(|| ResolveError::Missing("`Resources`".to_owned()))?;
        let mut found = Vec::new();
        for (name, resource) in all {
            if resource.get("Type").and_then(Value::as_str) != Some(kind) {
                continue;
            }
            if let Some(condition) = resource.get("Condition").and_then(Value::as_str)
                && !self.condition(condition, 0)?
            {
                continue;
            }
            found.push((name.clone(), resource.get("Properties").cloned().unwrap_or_default()));
        }
        Ok(found)
    }

    /// A value without intrinsic functions; none where it is `AWS::NoValue`.
    pub(super) fn resolve(&self, value: &Value) -> Result<Option<Value>, ResolveError> {
        self.value(value, 0)
    }

    /// The parameters that were looked at so far, with their values.
    pub(super) fn read(&self) -> BTreeMap<String, Value> {
        let read = self.read.borrow();
        let wanted = |name: &&String| read.contains(*name);
        self.parameters
            .keys()
            .filter(wanted)
            .map(|n| (n.clone(), self.parameters[n].clone()))
            .collect()
    }

    fn value(&self, value: &Value, depth: u32) -> Result<Option<Value>, ResolveError> {
        match value {
            Value::Object(members) => {
                if let Some((name, argument)) = intrinsic(members) {
                    return self.call(name, argument, depth);
                }
                let mut resolved = Map::new();
                for (name, member) in members {
                    if let Some(member) = self.value(member, depth)? {
                        resolved.insert(name.clone(), member);
                    }
                }
                Ok(Some(Value::Object(resolved)))
            }
            Value::Array(items) => {
                let items = items.iter().filter_map(|item| self.value(item, depth).transpose());
                Ok(Some(Value::Array(items.collect::<Result<_, _>>()?)))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Ok(Some(value.clone()))
            }
        }
    }

    fn call(
        &self,
        name: &str,
        argument: &Value,
        depth: u32,
    ) -> Result<Option<Value>, ResolveError> {
        let unresolved = || ResolveError::Function(name.to_owned());
        match (name, argument) {
            ("Ref", Value::String(of)) => self.reference(of),
            ("Fn::GetAtt", Value::String(of)) => Ok(Some(Value::String(of.clone()))),
            ("Fn::GetAtt", Value::Array(parts)) => {
                Ok(Some(Value::String(parts.iter().map(plain).collect::<Vec<_>>().join("."))))
            }
            ("Fn::Sub", Value::String(text)) => self.substituted(text).map(Some),
            ("Fn::Split", Value::Array(both)) => match &both[..] {
                [Value::String(by), text] => {
                    let text = self.value(text, depth)?.as_ref().map(plain).unwrap_or_default();
                    Ok(Some(text.split(by.as_str()).map(Value::from).collect()))
                }
                _ => Err(unresolved()),
            },
            ("Fn::If", Value::Array(parts)) => match &parts[..] {
                [Value::String(condition), yes, no] => {
                    let holds = self.condition(condition, depth)?;
                    self.value(if holds { yes } else { no }, depth)
                }
                _ => Err(unresolved()),
            },
            _ => Err(unresolved()),
        }
    }

    fn reference(&self, of: &str) -> Result<Option<Value>, ResolveError> {
        if of == "AWS::NoValue" {
            return Ok(None);
        }
        if let Some(value) = self.parameters.get(of) {
            self.read.borrow_mut().insert(of.to_owned());
            return Ok(Some(value.clone()));
        }
        if self.section("Parameters", of).is_some() {
            return Err(ResolveError::Missing(format!("value of the parameter `{of}`")));
        }
        if of.starts_with("AWS::") || self.section("Resources", of).is_some() {
            return Ok(Some(Value::String(of.to_owned())));
        }
        Err(ResolveError::Missing(format!("`{of}` to refer to")))
    }

    /// `${Parameter}` becomes its value; what only a deployment knows stays as it is.
    fn substituted(&self, text: &str) -> Result<Value, ResolveError> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                return Err(ResolveError::Function("Fn::Sub".to_owned()));
            };
            out.push_str(before);
            match self.parameters.get(name) {
                Some(value) => out.push_str(&plain(value)),
                None => out.extend(["${", name, "}"]),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(Value::String(out))
    }

    fn section(&self, section: &str, name: &str) -> Option<&Value> {
        self.document.get(section)?.get(name)
    }

    fn condition(&self, name: &str, depth: u32) -> Result<bool, ResolveError> {
        let missing = || ResolveError::Missing(format!("condition `{name}`"));
        let condition = self.section("Conditions", name).ok_or_else(missing)?;
        self.holds(condition, depth + 1)
    }

    fn holds(&self, condition: &Value, depth: u32) -> Result<bool, ResolveError> {
        let unresolved = || ResolveError::Function(condition.to_string());
        if depth > DEPTH_MAX {
            return Err(unresolved());
        }
        let call = condition.as_object().and_then(intrinsic);
        match call {
            Some(("Condition", Value::String(name))) => self.condition(name, depth),
            Some(("Fn::Equals", Value::Array(both))) => match &both[..] {
                [one, other] => {
                    let text = |value| self.value(value, depth).map(|v| v.as_ref().map(plain));
                    Ok(text(one)? == text(other)?)
                }
                _ => Err(unresolved()),
            },
            Some(("Fn::Not", Value::Array(of))) => match &of[..] {
                [of] => self.holds(of, depth + 1).map(|holds| !holds),
                _ => Err(unresolved()),
            },
            _ => Err(unresolved()),
        }
    }
}

/// `{"Fn::X": argument}`; a condition is told from a member of that name by its place, so it is not looked for elsewhere.
fn intrinsic(members: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = members.iter().next()?;
    let is_one = name == "Ref" || name == "Condition" || name.starts_with("Fn::");
    (members.len() == 1 && is_one).then_some((name.as_str(), argument))
}

/// A scalar as text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What a parameter holds, checked as `CloudFormation` would.
fn value(name: &str, rule: &Value, text: String) -> Result<Value, ResolveError> {
    let refused =
        |why: String| ResolveError::Value { name: name.to_owned(), value: text.clone(), why };
    if let Some(words) = rule.get("AllowedValues").and_then(Value::as_array)
        && !words.iter().any(|word| plain(word) == text)
    {
        let words: Vec<_> = words.iter().map(plain).collect();
        return Err(refused(format!("it takes one of {}", words.join(", "))));
    }
    if let Some(pattern) = rule.get("AllowedPattern").and_then(Value::as_str) {
        let regex = Regex::new(&format!("^(?:{pattern})$"))
            .map_err(|source| ResolveError::Pattern { name: name.to_owned(), source })?;
        if !regex.is_match(&text) {
            return Err(refused(format!("it takes {pattern}")));
        }
    }
    if rule.get("Type").and_then(Value::as_str) != Some("Number") {
        return Ok(Value::String(text));
    }
    let number: u64 =
        text.parse().map_err(|_none| refused("it takes a whole number".to_owned()))?;
    let bound = |name| rule.get(name).and_then(Value::as_u64);
    if bound("MinValue").is_some_and(|least| number < least) {
        return Err(refused(format!("it takes at least {}", bound("MinValue").unwrap_or(0))));
    }
    if bound("MaxValue").is_some_and(|most| number > most) {
        return Err(refused(format!("it takes at most {}", bound("MaxValue").unwrap_or(0))));
    }
    Ok(number.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEMPLATE: &str = "
Parameters:
  Rate: {Type: Number, Default: 5, MinValue: 2, MaxValue: 9}
  List: {Type: String, Default: '', AllowedPattern: '^$|^[a-z](,[a-z])*$'}
  Kind: {Type: String, Default: a, AllowedValues: [a, b]}
  Open: {Type: String}
Conditions:
  HasList: !Not [!Equals [!Ref List, '']]
  Round: !Not [!Condition Round]
Resources:
  Thing:
    Type: T
    Properties:
      Rate: !Ref Rate
      Name: !Sub '${Kind}-${AWS::Region}'
      Some:
        Fn::If: [HasList, !Split [',', !Ref List], !Ref AWS::NoValue]
      Of: !GetAtt Other.Arn
      Items: [!If [HasList, x, !Ref AWS::NoValue], y]
  Other: {Type: U, Condition: HasList, Properties: {Of: !Ref Thing}}
";

    fn thing(chosen: &[(&str, &str)]) -> Result<Value, ResolveError> {
        let chosen = chosen.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let resolver = Resolver::new(TEMPLATE, &chosen.collect())?;
        let things = resolver.resources("T")?;
        Ok(resolver.resolve(&things[0].1)?.unwrap())
    }

    #[test]
    fn parameters_and_conditions_are_resolved() {
        let usual =
            json!({"Rate": 5, "Name": "a-${AWS::Region}", "Of": "Other.Arn", "Items": ["y"]});
        assert_eq!(thing(&[]).unwrap(), usual);
        let chosen = thing(&[("Rate", "9"), ("List", "p,q"), ("Kind", "b")]).unwrap();
        assert_eq!(
            chosen,
            json!({"Rate": 9, "Name": "b-${AWS::Region}", "Some": ["p", "q"], "Of": "Other.Arn", "Items": ["x", "y"]})
        );
    }

    #[test]
    fn a_resource_stands_and_falls_with_its_condition() {
        let with = |list: &str| {
            let resolver =
                Resolver::new(TEMPLATE, &[("List".to_owned(), list.to_owned())].into()).unwrap();
            let found = resolver.resources("U").unwrap().len();
            (found, resolver.read().into_keys().collect::<Vec<_>>())
        };
        assert_eq!(with(""), (0, vec!["List".to_owned()]));
        assert_eq!(with("a").0, 1);
    }

    #[test]
    fn a_choice_that_the_template_refuses_is_refused() {
        for (name, value, said) in [
            ("Rate", "1", "does not take \"1\": it takes at least 2"),
            ("Rate", "10", "at most 9"),
            ("Rate", "x", "a whole number"),
            ("List", "A", "it takes ^$|^[a-z](,[a-z])*$"),
            ("Kind", "c", "one of a, b"),
            ("Rat", "1", "it has no parameter `Rat`; it has Kind, List"),
        ] {
            let error = thing(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }

    #[test]
    fn what_is_not_resolved_is_named() {
        let resolver = Resolver::new(TEMPLATE, &BTreeMap::new()).unwrap();
        for (value, said) in [
            (json!({"Fn::ImportValue": "x"}), "`Fn::ImportValue` is not resolved here"),
            (json!({"Ref": "Open"}), "it has no value of the parameter `Open`"),
            (json!({"Ref": "Nobody"}), "it has no `Nobody` to refer to"),
            (json!({"Fn::If": ["No", 1, 2]}), "it has no condition `No`"),
        ] {
            assert_eq!(resolver.resolve(&value).unwrap_err().to_string(), said);
        }
        let round = resolver.resolve(&json!({"Fn::If": ["Round", 1, 2]}));
        assert!(matches!(round, Err(ResolveError::Function(_))), "{round:?}");
        assert!(matches!(Resolver::new("a: ]", &BTreeMap::new()), Err(ResolveError::Yaml { .. })));
    }
}
