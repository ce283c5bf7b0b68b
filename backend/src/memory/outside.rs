//! What lies outside of the tables, in memory: retrieval, a model, ingestion runs, secrets, public keys.

use std::sync::Mutex;

use super::{Switch, locked};
use crate::domain::cost::TokenUse;
use crate::domain::ingestion::IndexRun;
use crate::domain::prompt::Passage;
use crate::domain::user::UserId;
use crate::ports::{
    Dependency, Indexer, JwksSource, Model, ModelAnswer, PortFuture, PublicKey, Search,
    SecretSource, Started,
};

/// Retrieval. It does not filter: what the application lets through is what a test looks at.
#[derive(Debug, Default)]
pub struct MemorySearch {
    /// Makes it fail.
    pub trouble: Switch,
    passages: Mutex<Vec<Passage>>,
}

impl MemorySearch {
    /// What is found from now on.
    pub fn hold(&self, passages: Vec<Passage>) {
        *locked(&self.passages) = passages;
    }
}

impl Search for MemorySearch {
    fn retrieve<'a>(
        &'a self,
        _user: &'a UserId,
        _question: &'a str,
        results: u32,
    ) -> PortFuture<'a, Vec<Passage>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Search).await?;
            let results = usize::try_from(results).unwrap_or(usize::MAX);
            Ok(locked(&self.passages).iter().take(results).cloned().collect())
        })
    }
}

/// A model that answers with one text and counts a token a word.
#[derive(Debug)]
pub struct MemoryModel {
    /// Makes it fail.
    pub trouble: Switch,
    answer: Mutex<String>,
    messages: Mutex<Vec<String>>,
    cut_off: Mutex<bool>,
}

impl Default for MemoryModel {
    fn default() -> Self {
        let answer = Mutex::new("Hold the button for ten seconds. [1]".to_owned());
        let (messages, cut_off) = (Mutex::default(), Mutex::default());
        Self { trouble: Switch::default(), answer, messages, cut_off }
    }
}

impl MemoryModel {
    /// What it answers from now on.
    pub fn say(&self, text: &str) {
        text.clone_into(&mut locked(&self.answer));
    }

    /// Whether its answers break off from now on.
    pub fn cut_off(&self, cut_off: bool) {
        *locked(&self.cut_off) = cut_off;
    }

    /// What it was asked.
    pub fn messages(&self) -> Vec<String> {
        locked(&self.messages).clone()
    }
}

impl Model for MemoryModel {
    fn converse<'a>(&'a self, system: &'a str, message: &'a str) -> PortFuture<'a, ModelAnswer> {
        Box::pin(async move {
            self.trouble.before(Dependency::Model).await?;
            locked(&self.messages).push(message.to_owned());
            let text = locked(&self.answer).clone();
            let words = |text: &str| u64::try_from(text.split_whitespace().count()).unwrap_or(0);
            let tokens = TokenUse { input: words(system) + words(message), output: words(&text) };
            Ok(ModelAnswer { text, tokens, complete: !*locked(&self.cut_off) })
        })
    }

    fn id(&self) -> &'static str {
        "anthropic.claude-3-haiku-20240307-v1:0"
    }
}

/// One ingestion run at a time; it goes on until it is ended.
#[derive(Debug, Default)]
pub struct MemoryIndexer {
    /// Makes it fail.
    pub trouble: Switch,
    runs: Mutex<Vec<IndexRun>>,
}

impl MemoryIndexer {
    /// How many runs were started.
    pub fn started(&self) -> usize {
        locked(&self.runs).len()
    }

    /// Ends the run that is going on.
    pub fn end(&self, state: IndexRun) {
        if let Some(run) = locked(&self.runs).last_mut() {
            *run = state;
        }
    }
}

impl Indexer for MemoryIndexer {
    fn start<'a>(&'a self, _token: &'a str) -> PortFuture<'a, Started> {
        Box::pin(async move {
            self.trouble.before(Dependency::Index).await?;
            let mut runs = locked(&self.runs);
            if runs.contains(&IndexRun::Active) {
                return Ok(Started::Busy);
            }
            runs.push(IndexRun::Active);
            Ok(Started::Run((runs.len() - 1).to_string()))
        })
    }

    fn run<'a>(&'a self, id: &'a str) -> PortFuture<'a, IndexRun> {
        Box::pin(async move {
            self.trouble.before(Dependency::Index).await?;
            let run =
                id.parse().ok().and_then(|index: usize| locked(&self.runs).get(index).cloned());
            Ok(run.unwrap_or(IndexRun::Unknown))
        })
    }
}

/// The signing key.
#[derive(Debug, Default)]
pub struct MemorySecret {
    /// Makes it fail.
    pub trouble: Switch,
    key: Mutex<Option<Vec<u8>>>,
}

impl MemorySecret {
    /// The key from now on.
    pub fn hold(&self, key: Option<&[u8]>) {
        *locked(&self.key) = key.map(<[u8]>::to_vec);
    }
}

impl SecretSource for MemorySecret {
    fn fetch(&self) -> PortFuture<'_, Option<Vec<u8>>> {
        Box::pin(async move {
            self.trouble.before(Dependency::Secrets).await?;
            Ok(locked(&self.key).clone())
        })
    }
}

/// The user pool's keys.
#[derive(Debug, Default)]
pub struct MemoryJwks {
    /// Makes it fail.
    pub trouble: Switch,
    keys: Mutex<Vec<PublicKey>>,
    fetches: Mutex<u32>,
}

impl MemoryJwks {
    /// The keys from now on.
    pub fn hold(&self, keys: Vec<PublicKey>) {
        *locked(&self.keys) = keys;
    }

    /// How often they were fetched.
    pub fn fetches(&self) -> u32 {
        *locked(&self.fetches)
    }
}

impl JwksSource for MemoryJwks {
    fn fetch(&self) -> PortFuture<'_, Vec<PublicKey>> {
        Box::pin(async move {
            *locked(&self.fetches) += 1;
            self.trouble.before(Dependency::Identity).await?;
            Ok(locked(&self.keys).clone())
        })
    }
}
