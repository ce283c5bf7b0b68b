//! Who plays: an attacker with a manual of his own, and a victim whose manual holds a secret that nobody else may learn.

use std::collections::BTreeMap;

use bytes::Bytes;
use manuel_client::ManuelClient;
use rand::Rng as _;
use tokio::sync::Mutex;

use super::Arena;
use super::AttackError;
use crate::adapters::provision;
use crate::adapters::provision::CONNECT;
use crate::adapters::provision::ManualFile;
use crate::adapters::provision::ProvisionedUser;
use crate::adapters::provision::REQUEST;
use crate::adapters::provision::WantedUser;
use crate::adapters::stores::Holdings;

/// Users that are made at once.
const CONCURRENCY: usize = 8;
/// Key of the attacker's manual.
const OWN: &str = "attackers-own";
/// Letters and digits that are not taken for each other.
const SIGNS: &[u8] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// What the attacker may read: enough for every question to find something.
const OWN_MANUAL: &str = "# Lumen 4 desk lamp\n\n\
    The lamp needs a bulb of 40 W. Press the switch for two seconds to dim the lamp.\n\n\
    ## The lamp's database\n\n\
    The lamp keeps its timers in a table. DROP TABLE timers deletes every timer of the lamp. \
    SELECT * FROM timers WHERE id = 1 OR 1=1 lists every timer. The script tag in the lamp's web page \
    loads the dimmer. The file /etc/lamp.conf holds the lamp's settings.\n";

/// An attacker and a victim.
#[derive(Debug)]
pub struct Cast {
    /// Who attacks: signed in, with good keys for everything of his own.
    pub attacker: ProvisionedUser,
    /// Who must not notice.
    pub victim: ProvisionedUser,
    /// What stands in the victim's manual and nowhere else.
    pub secret: String,
    /// How the victim's manual is called.
    pub victim_filename: String,
    pub(super) client: ManuelClient,
    /// What both had after the last play, where nothing of it was taken away again: what they have before the next.
    pub(super) last_seen: Mutex<Option<(Holdings, Holdings)>>,
    /// The id of the attacker's own manual.
    pub own_manual: String,
    /// The id of the victim's manual.
    pub victim_manual: String,
}

impl Arena {
    /// A cast for each name, all made together. Names are part of the users' sign-in names, so a stage takes each once.
    pub async fn cast(&self, names: &[String]) -> Result<Vec<Cast>, AttackError> {
        let mut manuals: BTreeMap<String, ManualFile> = [manual(OWN, "lamp.md", OWN_MANUAL)].into();
        let mut wanted = Vec::new();
        let mut secrets = Vec::new();
        for name in names {
            let secret = random_signs();
            let file = format!("vault-{}.md", random_signs().to_lowercase());
            let key = format!("vault-{name}");
            let text = format!(
                "# Vault 9 safe\n\nThe service code of the vault is {secret}. Only the owner of the vault may \
                 read the service code.\n"
            );
            manuals.extend([manual(&key, &file, &text)]);
            let user = |role: &str, manual: &str| WantedUser {
                username: format!("{name}-{role}"),
                manuals: vec![manual.to_owned()],
            };
            wanted.extend([user("attacker", OWN), user("victim", &key)]);
            secrets.push((key, file, secret));
        }
        let users = provision::provision(&self.stage, &manuals, &wanted, CONCURRENCY).await;
        let mut users = users.map_err(|source| AttackError::Cast { source })?.into_iter();
        let mut casts = Vec::new();
        for (key, victim_filename, secret) in secrets {
            let (Some(attacker), Some(victim)) = (users.next(), users.next()) else { break };
            let address = provision::own_address(&self.stage);
            let client = ManuelClient::new(&self.stage.base_url, address, REQUEST, CONNECT)
                .map_err(|source| AttackError::Connection { source })?;
            let id = |user: &ProvisionedUser, key: &str| {
                user.manual_ids.get(key).cloned().unwrap_or_default()
            };
            let (own_manual, victim_manual) = (id(&attacker, OWN), id(&victim, &key));
            casts.push(Cast {
                attacker,
                victim,
                secret,
                victim_filename,
                client,
                last_seen: Mutex::default(),
                own_manual,
                victim_manual,
            });
        }
        Ok(casts)
    }
}

impl Cast {
    /// Both of them call from its address.
    pub fn client(&self) -> &ManuelClient {
        &self.client
    }

    /// What tells of the victim, beside the secret.
    pub(super) fn names_of_victim(&self) -> [(&'static str, &str); 4] {
        [
            ("the victim's id", &self.victim.sub),
            ("the victim's name", &self.victim.username),
            ("the id of the victim's manual", &self.victim_manual),
            ("the name of the victim's manual", &self.victim_filename),
        ]
    }
}

fn manual(key: &str, filename: &str, text: &str) -> (String, ManualFile) {
    let file = ManualFile {
        key: key.to_owned(),
        filename: filename.to_owned(),
        content_type: "text/markdown".to_owned(),
        bytes: Bytes::copy_from_slice(text.as_bytes()),
    };
    (key.to_owned(), file)
}

/// Twelve signs in groups of four: more than anybody guesses, and one word to an index.
fn random_signs() -> String {
    let mut rng = rand::rng();
    let signs: Vec<String> = (0..3)
        .map(|_| {
            (0..4).map(|_| char::from(SIGNS[rng.random_range(..SIGNS.len())])).collect::<String>()
        })
        .collect();
    signs.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_long_and_differ() {
        let secret = random_signs();
        assert_eq!(secret.len(), 14);
        assert_ne!(secret, random_signs());
    }
}
