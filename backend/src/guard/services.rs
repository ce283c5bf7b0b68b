//! Everything but the tables behind breakers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use time::OffsetDateTime;

use super::{Breakers, Guarded};
use crate::clock;
use crate::context;
use crate::domain::ingestion::IndexRun;
use crate::domain::prompt::Passage;
use crate::domain::user::UserId;
use crate::ports::{
    DeletedJob, FileStore, Indexer, JwksSource, ListedJob, Listing, Model, ModelAnswer,
    ObjectFacts, Page, Parts, PortFuture, PresignedPut, Probed, Probes, PromisedObject, PublicKey,
    Search, SecretSource, SpeechJob, Started, Transcriber, Transcription,
};
use crate::spool::Spooled;

impl FileStore for Guarded<dyn FileStore> {
    fn put<'a>(&'a self, key: &'a str, content_type: &'a str, bytes: Bytes) -> PortFuture<'a, ()> {
        self.call("put", self.port.put(key, content_type, bytes))
    }

    fn get<'a>(&'a self, key: &'a str, bytes_max: usize) -> PortFuture<'a, Bytes> {
        self.call("get", self.port.get(key, bytes_max))
    }

    fn put_file<'a>(
        &'a self,
        key: &'a str,
        content_type: &'a str,
        file: &'a Spooled,
    ) -> PortFuture<'a, ()> {
        self.call("put_file", self.port.put_file(key, content_type, file))
    }

    fn delete<'a>(&'a self, key: &'a str) -> PortFuture<'a, ()> {
        let delete = self.port.delete(key);
        if self.deletes_always { self.settle(delete) } else { self.call("delete", delete) }
    }

    fn head<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<ObjectFacts>> {
        self.call("head", self.port.head(key))
    }

    fn fetch<'a>(&'a self, key: &'a str) -> PortFuture<'a, Option<Parts>> {
        self.call("fetch", self.port.fetch(key))
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: u16,
    ) -> PortFuture<'a, Listing> {
        self.call("list", self.port.list(prefix, after, limit))
    }

    fn presign<'a>(
        &'a self,
        key: &'a str,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, String> {
        self.port.presign(key, start, valid)
    }

    fn presign_put<'a>(
        &'a self,
        promised: &'a PromisedObject,
        start: OffsetDateTime,
        valid: Duration,
    ) -> PortFuture<'a, PresignedPut> {
        self.port.presign_put(promised, start, valid)
    }

    fn probe(&self) -> PortFuture<'_, ()> {
        self.call("probe", self.port.probe())
    }
}

impl Search for Guarded<dyn Search> {
    fn retrieve<'a>(
        &'a self,
        user: &'a UserId,
        question: &'a str,
        results: u32,
    ) -> PortFuture<'a, Vec<Passage>> {
        let call = async move {
            let found = self.port.retrieve(user, question, results).await;
            if let Ok(passages) = &found {
                context::note(|figures| figures.retrieved(passages.len()));
            }
            found
        };
        self.call("Retrieve", Box::pin(call))
    }
}

impl Model for Guarded<dyn Model> {
    fn converse<'a>(&'a self, system: &'a str, message: &'a str) -> PortFuture<'a, ModelAnswer> {
        let call = async move {
            let began = clock::monotonic();
            let answered = self.port.converse(system, message).await;
            let took = clock::monotonic().saturating_duration_since(began);
            context::note(|figures| {
                figures.model_called(took);
                if let Ok(answer) = &answered {
                    figures.tokens(answer.tokens);
                }
            });
            answered
        };
        self.call("Converse", Box::pin(call))
    }

    fn id(&self) -> &str {
        self.port.id()
    }
}

impl Indexer for Guarded<dyn Indexer> {
    fn start<'a>(&'a self, token: &'a str) -> PortFuture<'a, Started> {
        self.call("StartIngestionJob", self.port.start(token))
    }

    fn run<'a>(&'a self, id: &'a str) -> PortFuture<'a, IndexRun> {
        self.call("GetIngestionJob", self.port.run(id))
    }
}

impl SecretSource for Guarded<dyn SecretSource> {
    fn fetch(&self) -> PortFuture<'_, Option<Vec<u8>>> {
        self.call("GetSecretValue", self.port.fetch())
    }
}

impl JwksSource for Guarded<dyn JwksSource> {
    fn fetch(&self) -> PortFuture<'_, Vec<PublicKey>> {
        self.call("fetching keys", self.port.fetch())
    }
}

impl Transcriber for Guarded<dyn Transcriber> {
    fn start<'a>(&'a self, job: &'a SpeechJob) -> PortFuture<'a, ()> {
        self.call("StartTranscriptionJob", self.port.start(job))
    }

    fn status<'a>(&'a self, name: &'a str) -> PortFuture<'a, Transcription> {
        self.call("GetTranscriptionJob", self.port.status(name))
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, DeletedJob> {
        self.settle(self.port.delete(name))
    }

    fn jobs<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<ListedJob>> {
        self.call("ListTranscriptionJobs", self.port.jobs(prefix, after))
    }
}

/// The probes, each behind the breaker of what it asks.
#[derive(Debug)]
pub(super) struct GuardedProbes {
    pub(super) probes: Arc<dyn Probes>,
    pub(super) breakers: Breakers,
}

impl Probes for GuardedProbes {
    fn secrets(&self) -> PortFuture<'_, Probed> {
        Box::pin(self.breakers.secrets.call("probe", self.probes.secrets()))
    }

    fn transcriber(&self) -> PortFuture<'_, Probed> {
        Box::pin(self.breakers.transcriber.call("probe", self.probes.transcriber()))
    }

    fn queue(&self) -> PortFuture<'_, Probed> {
        Box::pin(self.breakers.queue.call("probe", self.probes.queue()))
    }

    fn alerts(&self) -> PortFuture<'_, Probed> {
        Box::pin(self.breakers.alerts.call("probe", self.probes.alerts()))
    }
}
