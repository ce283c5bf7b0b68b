//! Accounts: the password that the stage knows, or a new user with a random one; then the sign-in.

use std::collections::BTreeMap;

use aws_credential_types::Credentials as AwsCredentials;
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::BehaviorVersion;
use aws_sdk_cognitoidentityprovider::config::Region;
use aws_sdk_cognitoidentityprovider::types::MessageActionType;
use manuel_client::Secret;
use manuel_client::Session;
use manuel_client::SignIn;
use manuel_client::SignInError;
use manuel_client::connection::Bounds;
use rand::Rng as _;
use rand::seq::SliceRandom as _;
use verdict::domain::stage::Capability;
use verdict::domain::stage::SecretRef;
use verdict::domain::stage::StageDescription;

use super::CONNECT;
use super::ProvisionError;
use super::REQUEST;
use super::throwaway;

/// Characters of a password: each class once at least, as Cognito's default policy asks.
const CLASSES: [&[u8]; 4] = [
    b"abcdefghijkmnpqrstuvwxyz",
    b"ABCDEFGHJKLMNPQRSTUVWXYZ",
    b"23456789",
    // Harmless in a shell, in JSON and in a .env file.
    b"-_.+=",
];
const PASSWORD_LENGTH: usize = 20;

/// The user pool of a stage, as its users and its administrator see it.
#[derive(Debug)]
pub struct Accounts {
    sign_in: SignIn,
    admin: Option<Client>,
    user_pool_id: String,
    known: BTreeMap<String, SecretRef>,
}

/// A user who is signed in.
#[derive(Debug)]
pub struct Account {
    /// The password that worked.
    pub password: String,
    /// Tokens.
    pub session: Session,
    /// Made just now: the user has no manual yet.
    pub created: bool,
}

impl Accounts {
    /// The pool of `stage`.
    pub fn new(stage: &StageDescription) -> Result<Self, ProvisionError> {
        let bounds = Bounds { timeout: REQUEST, connect_timeout: CONNECT };
        let sign_in = SignIn::new(&stage.cognito.endpoint, &stage.cognito.client_id, None, bounds)
            .map_err(|source| ProvisionError::Connection { source })?;
        let known =
            stage.users.iter().map(|user| (user.username.clone(), user.password.clone())).collect();
        let user_pool_id = stage.cognito.user_pool_id.clone();
        Ok(Self { sign_in, admin: admin(stage)?, user_pool_id, known })
    }

    /// Signs a user in, who is made where the stage does not know it.
    pub async fn open(&self, username: &str) -> Result<Account, ProvisionError> {
        let (password, created) = match self.known.get(username) {
            Some(password) => (throwaway(password, "user password")?.to_owned(), false),
            None => (self.create(username).await?, true),
        };
        let session = self.sign_in(username, &password).await?;
        Ok(Account { password, session, created })
    }

    /// Signs in a user who was opened before.
    pub async fn sign_in(&self, username: &str, password: &str) -> Result<Session, ProvisionError> {
        self.sign_in
            .password(username, &Secret::new(password))
            .await
            .map_err(|source| ProvisionError::SignIn { username: username.to_owned(), source })
    }

    /// New tokens of the same session; what the pool answers is the caller's to judge.
    pub async fn renew(&self, session: &Session) -> Result<Session, SignInError> {
        self.sign_in.refresh(session).await
    }

    /// Ends a session: it is renewed no more.
    pub async fn sign_out(&self, session: &Session) -> Result<(), SignInError> {
        self.sign_in.sign_out(session).await
    }

    /// Signs in a user of an earlier run, whose password nobody knows any more; none where there is no such user.
    pub async fn reopen(&self, username: &str) -> Result<Option<Session>, ProvisionError> {
        let admin = self
            .admin
            .as_ref()
            .ok_or_else(|| ProvisionError::MayNotCreate { username: username.to_owned() })?;
        let password = random_password();
        let set = admin
            .admin_set_user_password()
            .user_pool_id(&self.user_pool_id)
            .username(username)
            .password(&password)
            .permanent(true);
        if let Err(error) = set.send().await {
            let error = error.into_service_error();
            if error.is_user_not_found_exception() {
                return Ok(None);
            }
            return Err(admin_error("AdminSetUserPassword", username, error));
        }
        self.sign_in(username, &password).await.map(Some)
    }

    /// Takes away a user that was made; one that the stage knows stays, and so does one that cannot be taken away.
    pub async fn close(&self, username: &str) {
        if let (Some(admin), false) = (&self.admin, self.known.contains_key(username)) {
            let delete = admin.admin_delete_user().user_pool_id(&self.user_pool_id);
            if let Err(error) = delete.username(username).send().await {
                tracing::warn!(username, %error, "a user of this run stays in the pool");
            }
        }
    }

    async fn create(&self, username: &str) -> Result<String, ProvisionError> {
        let admin = self
            .admin
            .as_ref()
            .ok_or_else(|| ProvisionError::MayNotCreate { username: username.to_owned() })?;
        let password = random_password();
        admin
            .admin_create_user()
            .user_pool_id(&self.user_pool_id)
            .username(username)
            .message_action(MessageActionType::Suppress)
            .send()
            .await
            .map_err(|error| admin_error("AdminCreateUser", username, error))?;
        admin
            .admin_set_user_password()
            .user_pool_id(&self.user_pool_id)
            .username(username)
            .password(&password)
            .permanent(true)
            .send()
            .await
            .map_err(|error| admin_error("AdminSetUserPassword", username, error))?;
        Ok(password)
    }
}

/// Twenty characters of four classes from the machine's randomness.
pub fn random_password() -> String {
    let mut rng = rand::rng();
    let mut password: Vec<u8> = (0..PASSWORD_LENGTH)
        .map(|place| {
            let class = CLASSES[place % CLASSES.len()];
            class[rng.random_range(..class.len())]
        })
        .collect();
    password.shuffle(&mut rng);
    String::from_utf8_lossy(&password).into_owned()
}

fn admin(stage: &StageDescription) -> Result<Option<Client>, ProvisionError> {
    let Some(credentials) = &stage.cognito.admin_credentials else { return Ok(None) };
    if !stage.capabilities.has(Capability::ProvisionUsers) {
        return Ok(None);
    }
    let secret = throwaway(&credentials.secret_access_key, "cognito.admin_credentials")?;
    let credentials =
        AwsCredentials::new(&credentials.access_key_id, secret, None, None, "stage description");
    let config = aws_sdk_cognitoidentityprovider::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(stage.region.clone()))
        .endpoint_url(&stage.cognito.endpoint)
        .credentials_provider(credentials)
        .build();
    Ok(Some(Client::from_conf(config)))
}

fn admin_error(
    operation: &'static str,
    username: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> ProvisionError {
    ProvisionError::Admin { operation, username: username.to_owned(), source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_have_every_class_and_differ() {
        let first = random_password();
        assert_eq!(first.len(), PASSWORD_LENGTH);
        for class in CLASSES {
            assert!(first.bytes().any(|byte| class.contains(&byte)), "{first}");
        }
        assert_ne!(first, random_password());
    }
}
