//! Plays attacks of the corpus (`fixtures/attacks`) against a stage, and says whether they were harmless.
//!
//! ```text
//! Arena::open(stage) ─ cast(names) ─► Cast: an attacker, and a victim whose manual holds a secret
//! (Cast, Attack) ─ Arena::play ─► Outcome { held, seen }
//!   stores and internet before ─ send: the attack, byte by byte where needed ─ stores and internet after ─ check
//! ```
//!
//! What *harmless* means is said in `verdict::domain::attack`. An attack that was not harmless is no error: errors are for
//! what kept it from being played. Each wait is bounded, nothing panics, and what an attack stored is deleted again.
//! Attacks of one cast are played one after the other; casts are independent of each other.

mod call;
mod cast;
mod check;
mod deal;
mod error;
mod keys;
mod seen;
mod send;
mod signature;
mod spelling;
mod token;
mod upload;

use std::path::PathBuf;
use std::time::Duration;

use manuel_client::Signer;
use manuel_client::contract::Contract;
use tokio::sync::OnceCell;
use tokio::sync::RwLock;
use verdict::domain::attack::Attack;
use verdict::domain::attack::Payload;
use verdict::domain::attack::Place;
use verdict::domain::attack::place::FilenameCall;
use verdict::domain::stage::Capability;
use verdict::domain::stage::Limits;
use verdict::domain::stage::StageDescription;

use crate::adapters::internet;
use crate::adapters::internet::Connection;
use crate::adapters::provision;
use crate::adapters::provision::ProvisionedUser;
use crate::adapters::stores::Holdings;
use crate::adapters::stores::Stores;

pub use cast::Cast;
pub use check::Broken;
pub use deal::deal;
pub use error::AttackError;
pub use seen::Answered;
pub use seen::Change;
pub use seen::Got;
pub use seen::Role;
pub use seen::Seen;

use check::Facts;
use keys::Keys;

/// Bound of one play: its longest calls take as long as the backend's own deadline, and there are a few of them.
const PLAY: Duration = Duration::from_secs(90);

/// What stands before the backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Front {
    /// Nothing that refuses anything by itself.
    Open,
    /// A firewall: what an attack's `edge` says must hold, too.
    Firewall {
        /// Whether it has AWS's managed groups; an edge of ours does not imitate them.
        managed: bool,
    },
}

impl Front {
    /// What stands before `stage`.
    pub fn of(stage: &StageDescription) -> Self {
        if stage.capabilities.has(Capability::Edge) {
            Self::Firewall { managed: stage.admin.edge_url.is_none() }
        } else {
            Self::Open
        }
    }
}

/// A stage on which attacks are played.
#[derive(Debug)]
pub struct Arena {
    stage: StageDescription,
    front: Front,
    stores: Stores,
    signer: Signer,
    contract: Contract,
    /// Where the stage tells what was dialled, if it does.
    internet: Option<String>,
    /// A connection by address does not say who caused it: where one is seen, the attack is played again by itself.
    downloads: RwLock<()>,
    keys: OnceCell<Keys>,
}

/// What came of an attack.
#[derive(Debug)]
pub struct Outcome {
    /// Whether it was harmless; else the worst of what it did.
    pub held: Result<(), Broken>,
    /// What was seen of it.
    pub seen: Seen,
}

impl Arena {
    /// A stage whose stores can be read.
    pub async fn open(stage: &StageDescription, front: Front) -> Result<Self, AttackError> {
        let stores = Stores::of(stage).await.map_err(|source| AttackError::Stores { source })?;
        let signer = provision::signer(stage).map_err(|source| AttackError::Signer { source })?;
        let words = stage.resources.names();
        let words = words.into_iter().filter(|word| word.chars().count() >= Contract::LEAST_WORD);
        let contract = Contract::new(words).map_err(|source| AttackError::Contract { source })?;
        let pinned = stage.capabilities.has(Capability::PinnedEgress);
        let internet = stage.admin.emulators_url.clone().filter(|_| pinned);
        let (stage, downloads, keys) = (stage.clone(), RwLock::default(), OnceCell::new());
        Ok(Self { stage, front, stores, signer, contract, internet, downloads, keys })
    }

    /// What the stage enforces.
    pub fn limits(&self) -> &Limits {
        &self.stage.limits
    }

    /// What this stage lacks for `attack`, if anything: a suite skips it by name.
    pub fn lacks(&self, attack: &Attack) -> Option<&'static str> {
        let plain = self.stage.base_url.starts_with("http://");
        let minted = matches!(attack.payload, Payload::Token(trick) if trick.is_minted());
        if attack.place.is_on_the_socket() && !plain {
            Some("a plain connection, on which bytes arrive as they are written")
        } else if minted && self.stage.admin.emulators_url.is_none() {
            Some("a user pool that signs wrong tokens")
        } else if attack.visits && self.internet.is_none() {
            Some("an internet of its own")
        } else {
            None
        }
    }

    /// Plays one attack and judges it.
    pub async fn play(&self, cast: &Cast, attack: &Attack) -> Result<Outcome, AttackError> {
        if let Some(lack) = self.lacks(attack) {
            return Err(AttackError::Lacking { attack: attack.name.clone(), lack });
        }
        let playing = Box::pin(self.play_now(cast, attack));
        let late = |_elapsed| AttackError::TooLong { attack: attack.name.clone(), within: PLAY };
        tokio::time::timeout(PLAY, playing).await.map_err(late)?
    }

    async fn play_now(&self, cast: &Cast, attack: &Attack) -> Result<Outcome, AttackError> {
        if !downloads(attack) {
            return self.play_once(cast, attack).await;
        }
        let outcome = {
            let _among_others = self.downloads.read().await;
            self.play_once(cast, attack).await?
        };
        if outcome.seen.connections.iter().all(|one| one.name.is_some()) {
            return Ok(outcome);
        }
        let _alone = self.downloads.write().await;
        self.play_once(cast, attack).await
    }

    async fn play_once(&self, cast: &Cast, attack: &Attack) -> Result<Outcome, AttackError> {
        let alone = downloads(attack);
        let dialled_before = self.dialled().await?;
        let known = cast.last_seen.lock().await.take();
        let (attacker, victim) = match known {
            Some(known) => known,
            None => self.holdings(cast).await?,
        };
        let shot = send::Shot::of(self, cast, attack);
        let answers = send::send(&shot).await?;
        let (attacker_after, victim_after) = self.holdings(cast).await?;
        let dialled = self.dialled().await?;
        let new = dialled.into_iter().skip(dialled_before.len());
        // A connection to an address is nobody's by name. One to a public address may be of somebody else on the stage; to
        // any other there is none but what an attack brings about.
        let own = |one: &Connection| {
            one.is_of(&shot.nonce) || (alone && one.name.is_none() && one.elsewhere)
        };
        let seen = Seen {
            answers,
            attacker: Change::between(&attacker, &attacker_after),
            victim: Change::between(&victim, &victim_after),
            connections: new.filter(own).collect(),
        };
        let facts = Facts {
            attack,
            front: self.front,
            payload: &shot.payload,
            secret: &cast.secret,
            names: cast.names_of_victim(),
            contract: &self.contract,
        };
        let held = check::check(&facts, &seen);
        upload::delete_all(&shot, seen.attacker.manuals_added.iter()).await?;
        if seen.attacker.manuals_added.is_empty() {
            *cast.last_seen.lock().await = Some((attacker_after, victim_after));
        }
        send::refuse_if_held_back(attack, &seen)?;
        Ok(Outcome { held, seen })
    }

    async fn holdings(&self, cast: &Cast) -> Result<(Holdings, Holdings), AttackError> {
        let of = |user: &ProvisionedUser| {
            let (name, sub) = (user.username.clone(), user.sub.clone());
            async move { self.stores.holdings(&name, &sub).await }
        };
        tokio::try_join!(of(&cast.attacker), of(&cast.victim))
            .map_err(|source| AttackError::Stores { source })
    }

    async fn dialled(&self) -> Result<Vec<Connection>, AttackError> {
        match &self.internet {
            Some(admin) => {
                let dialled = internet::connections(admin).await;
                dialled.map_err(|source| AttackError::Internet { source })
            }
            None => Ok(Vec::new()),
        }
    }

    fn clock_file(&self) -> Option<PathBuf> {
        self.stage.admin.clock_file.as_ref().map(PathBuf::from)
    }

    async fn keys(&self) -> Result<&Keys, AttackError> {
        self.keys.get_or_try_init(|| Keys::of(&self.stage)).await
    }
}

/// Whether the backend is asked to fetch something.
fn downloads(attack: &Attack) -> bool {
    matches!(attack.place, Place::DownloadUrl | Place::Filename(FilenameCall::Download))
}
