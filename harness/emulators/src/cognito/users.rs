//! The users of the pool, in memory.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::cognito::password::Hash;
use crate::cognito::seconds;

/// A user's state in the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Made by an administrator with a password that must be changed.
    ForceChangePassword,
    Confirmed,
}

/// One user.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) sub: String,
    /// All attributes but `sub`.
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) password: Option<Hash>,
    pub(super) status: Status,
    pub(super) created_ms: i64,
    pub(super) modified_ms: i64,
    /// Wrong passwords in a row, and until when no attempt counts.
    pub(super) failures: u32,
    pub(super) locked_until_ms: i64,
}

/// Users by username.
#[derive(Debug, Default)]
pub(super) struct Users(Mutex<BTreeMap<String, User>>);

impl Users {
    /// Works on all users at once.
    pub(super) fn with<T>(&self, work: impl FnOnce(&mut BTreeMap<String, User>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Works on the user with this username, `sub` or verified e-mail address: Cognito takes each.
    pub(super) fn find<T>(&self, name: &str, work: impl FnOnce(&mut User) -> T) -> Option<T> {
        self.with(|users| {
            if let Some(user) = users.get_mut(name) {
                return Some(work(user));
            }
            users.values_mut().find(|user| user.is_named(name)).map(work)
        })
    }
}

impl User {
    fn is_named(&self, name: &str) -> bool {
        let attribute = |key: &str| self.attributes.get(key).map(String::as_str);
        self.sub == name
            || (attribute("email") == Some(name) && attribute("email_verified") == Some("true"))
    }

    /// The value of a standard attribute, `sub` among them.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        match name {
            "sub" => Some(&self.sub),
            "username" => Some(&self.username),
            "cognito:user_status" | "status" => Some(self.status_name()),
            name => self.attributes.get(name).map(String::as_str),
        }
    }

    /// The user as `UserType`; `AdminGetUser` has the same under other member names.
    pub(super) fn describe(&self, attributes: &'static str) -> Map<String, Value> {
        let own = self.attributes.iter().map(|(name, value)| json!({"Name": name, "Value": value}));
        let all: Vec<Value> = own.chain([json!({"Name": "sub", "Value": self.sub})]).collect();
        let mut user = Map::new();
        user.insert("Username".into(), self.username.as_str().into());
        user.insert(attributes.into(), all.into());
        user.insert("UserCreateDate".into(), seconds(self.created_ms));
        user.insert("UserLastModifiedDate".into(), seconds(self.modified_ms));
        user.insert("Enabled".into(), true.into());
        user.insert("UserStatus".into(), self.status_name().into());
        user
    }

    fn status_name(&self) -> &'static str {
        match self.status {
            Status::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
            Status::Confirmed => "CONFIRMED",
        }
    }
}
