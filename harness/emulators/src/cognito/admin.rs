//! The administrator's operations on users.
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::cognito::users::{Status, User};
use crate::cognito::{Cognito, invalid_parameter, password, text, user_not_found};
use crate::service::AwsError;

/// `ListUsers` gives sixty at most, also when no limit is asked for.
const PAGE: usize = 60;

impl Cognito {
    pub(super) fn create_user(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        self.require_pool(input)?;
        let username = text(input, "Username");
        let attributes = attributes(input)?;
        let temporary = input.get("TemporaryPassword").and_then(Value::as_str);
        temporary.map_or(Ok(()), password::check)?;
        let now = self.clock.now_ms();
        if text(input, "MessageAction") == "RESEND" {
            // No mail is sent here; the answer is the user, who must exist.
            let user = self.users.find(username, |user| user.describe("Attributes"));
            return user.map(|user| json!({ "User": user })).ok_or_else(user_not_found);
        }
        self.users.with(|users| {
            if users.contains_key(username) {
                let message = "User account already exists";
                return Err(AwsError::new(400, "UsernameExistsException", message));
            }
            let user = User {
                username: username.to_owned(),
                sub: Uuid::new_v4().to_string(),
                attributes,
                password: temporary.map(password::Hash::new),
                status: Status::ForceChangePassword,
                created_ms: now,
                modified_ms: now,
                failures: 0,
                locked_until_ms: 0,
            };
            let answer = json!({ "User": user.describe("Attributes") });
            users.insert(username.to_owned(), user);
            Ok(answer)
        })
    }

    pub(super) fn set_password(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        self.require_pool(input)?;
        let new = text(input, "Password");
        password::check(new)?;
        let permanent = input.get("Permanent").and_then(Value::as_bool).unwrap_or(false);
        let now = self.clock.now_ms();
        let set = self.users.find(text(input, "Username"), |user| {
            user.password = Some(password::Hash::new(new));
            user.status = if permanent { Status::Confirmed } else { Status::ForceChangePassword };
            user.modified_ms = now;
            user.failures = 0;
            user.locked_until_ms = 0;
        });
        set.map(|()| json!({})).ok_or_else(user_not_found)
    }

    pub(super) fn get_user(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        self.require_pool(input)?;
        self.users
            .find(text(input, "Username"), |user| Value::Object(user.describe("UserAttributes")))
            .ok_or_else(user_not_found)
    }

    pub(super) fn delete_user(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        self.require_pool(input)?;
        let username = self
            .users
            .find(text(input, "Username"), |user| user.username.clone())
            .ok_or_else(user_not_found)?;
        self.users.with(|users| users.remove(&username));
        self.sessions.forget(&username);
        Ok(json!({}))
    }

    pub(super) fn list_users(&self, input: &Map<String, Value>) -> Result<Value, AwsError> {
        self.require_pool(input)?;
        let filter = match input.get("Filter").and_then(Value::as_str) {
            None | Some("") => None,
            Some(filter) => Some(Filter::parse(filter)?),
        };
        let after = match input.get("PaginationToken").and_then(Value::as_str) {
            None => None,
            Some(token) => Some(
                URL_SAFE_NO_PAD
                    .decode(token)
                    .ok()
                    .and_then(|bytes| String::from_utf8(bytes).ok())
                    .ok_or_else(|| invalid_parameter("Invalid pagination token."))?,
            ),
        };
        let limit = input.get("Limit").and_then(Value::as_u64);
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(PAGE).min(PAGE);
        let limit = if limit == 0 { PAGE } else { limit };
        let mut found: Vec<User> = self.users.with(|users| {
            users
                .values()
                .filter(|user| after.as_ref().is_none_or(|after| user.username > *after))
                .filter(|user| filter.as_ref().is_none_or(|filter| filter.admits(user)))
                .take(limit + 1)
                .cloned()
                .collect()
        });
        let more = found.len() > limit;
        found.truncate(limit);
        let wanted = input.get("AttributesToGet").and_then(Value::as_array);
        let users: Vec<_> = found
            .iter()
            .map(|user| {
                let mut user = user.describe("Attributes");
                if let (Some(wanted), Some(Value::Array(held))) =
                    (wanted, user.get_mut("Attributes"))
                {
                    held.retain(|attribute| wanted.contains(&attribute["Name"]));
                }
                user
            })
            .collect();
        let mut answer = json!({ "Users": users });
        if more && let Some(last) = found.last() {
            answer["PaginationToken"] = URL_SAFE_NO_PAD.encode(&last.username).into();
        }
        Ok(answer)
    }
}

/// `attribute = "value"` or `attribute ^= "prefix"`.
#[derive(Debug, PartialEq, Eq)]
struct Filter {
    attribute: String,
    value: String,
    prefix: bool,
}

impl Filter {
    fn parse(text: &str) -> Result<Self, AwsError> {
        let wrong = || invalid_parameter("One or more requested filters is invalid.");
        let (left, right) = text.split_once('=').ok_or_else(wrong)?;
        let (left, prefix) = match left.strip_suffix('^') {
            Some(left) => (left, true),
            None => (left, false),
        };
        let value = right
            .trim()
            .strip_prefix('"')
            .and_then(|right| right.strip_suffix('"'))
            .ok_or_else(wrong)?;
        let attribute = left.trim().trim_matches('"').to_owned();
        if attribute.is_empty() {
            return Err(wrong());
        }
        Ok(Self { attribute, value: value.replace("\\\"", "\""), prefix })
    }

    fn admits(&self, user: &User) -> bool {
        user.attribute(&self.attribute).is_some_and(|held| {
            if self.prefix { held.starts_with(&self.value) } else { held == self.value }
        })
    }
}

fn attributes(input: &Map<String, Value>) -> Result<BTreeMap<String, String>, AwsError> {
    let mut attributes = BTreeMap::new();
    for attribute in input.get("UserAttributes").and_then(Value::as_array).into_iter().flatten() {
        let name = attribute.get("Name").and_then(Value::as_str).unwrap_or_default();
        let value = attribute.get("Value").and_then(Value::as_str).unwrap_or_default();
        if name == "sub" {
            return Err(invalid_parameter("Cannot modify an immutable attribute: sub"));
        }
        if name == "email" && !value.contains('@') {
            return Err(invalid_parameter("Invalid email address format."));
        }
        attributes.insert(name.to_owned(), value.to_owned());
    }
    Ok(attributes)
}

#[cfg(test)]
mod tests {
    use super::Filter;

    #[test]
    fn filters_are_parsed_strictly() {
        let filter = Filter::parse("email ^= \"a@\"").unwrap();
        assert!(filter.prefix && filter.attribute == "email" && filter.value == "a@");
        assert!(!Filter::parse("\"sub\"=\"x\"").unwrap().prefix);
        assert!(Filter::parse("email").is_err() && Filter::parse("email = x").is_err());
    }
}
