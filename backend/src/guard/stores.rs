//! The tables behind breakers.

use time::OffsetDateTime;

use super::Guarded;
use crate::domain::ingestion::{Job, Outcome, Work};
use crate::domain::manual::{Manual, PendingUpload};
use crate::domain::quota::{Charge, QuotaLimits, Reservation, UsageSnapshot};
use crate::domain::rate_limit::{Subject, TakenSlot};
use crate::domain::user::UserId;
use crate::ports::{
    Claim, IdempotencyRecord, IngestionStore, Inserted, ManualStore, Page, PendingStore,
    PortFuture, QuotaStore, RateLimitStore, ReplayStore, Reserved, Settled, SlotRequest,
};

impl QuotaStore for Guarded<dyn QuotaStore> {
    fn reserve<'a>(
        &'a self,
        held: &'a Reservation,
        limits: QuotaLimits,
    ) -> PortFuture<'a, Reserved> {
        self.call("reserve", self.port.reserve(held, limits))
    }

    fn keep<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled> {
        self.settle(self.port.keep(held, charge))
    }

    fn give_back<'a>(&'a self, held: &'a Reservation) -> PortFuture<'a, Settled> {
        self.settle(self.port.give_back(held))
    }

    fn take_back<'a>(&'a self, held: &'a Reservation, charge: Charge) -> PortFuture<'a, Settled> {
        self.settle(self.port.take_back(held, charge))
    }

    fn read<'a>(
        &'a self,
        user: &'a UserId,
        first_day: &'a str,
        now: OffsetDateTime,
    ) -> PortFuture<'a, UsageSnapshot> {
        self.call("read", self.port.read(user, first_day, now))
    }

    fn probe(&self) -> PortFuture<'_, ()> {
        self.call("probe", self.port.probe())
    }
}

impl ManualStore for Guarded<dyn ManualStore> {
    fn insert<'a>(
        &'a self,
        user: &'a UserId,
        manual: &'a Manual,
        job: &'a Job,
    ) -> PortFuture<'a, Inserted> {
        self.call("insert", self.port.insert(user, manual, job))
    }

    fn get<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Manual>> {
        self.call("get", self.port.get(user, id))
    }

    fn list<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Manual>> {
        self.call("list", self.port.list(user, limit, after))
    }

    fn delete<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, ()> {
        self.call("delete", self.port.delete(work, mark_until))
    }

    fn deleted<'a>(
        &'a self,
        user: &'a UserId,
        ids: &'a [String],
        now: Option<i64>,
    ) -> PortFuture<'a, Vec<String>> {
        self.call("deleted", self.port.deleted(user, ids, now))
    }

    fn set_version<'a>(&'a self, user: &'a UserId) -> PortFuture<'a, u64> {
        self.call("set_version", self.port.set_version(user))
    }

    fn claim<'a>(
        &'a self,
        user: &'a UserId,
        claim: &'a IdempotencyRecord,
        now: i64,
    ) -> PortFuture<'a, Claim> {
        self.call("claim", self.port.claim(user, claim, now))
    }

    fn abandon<'a>(&'a self, work: &'a Work, mark_until: i64) -> PortFuture<'a, bool> {
        self.call("abandon", self.port.abandon(work, mark_until))
    }

    fn mark_failed<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, ()> {
        self.call("mark_failed", self.port.mark_failed(user, id))
    }
}

impl PendingStore for Guarded<dyn PendingStore> {
    fn note<'a>(&'a self, pending: &'a PendingUpload) -> PortFuture<'a, ()> {
        self.call("note", self.port.note(pending))
    }

    fn find<'a>(
        &'a self,
        user: &'a UserId,
        manual_id: &'a str,
    ) -> PortFuture<'a, Option<PendingUpload>> {
        self.call("find", self.port.find(user, manual_id))
    }

    fn forget<'a>(&'a self, user: &'a UserId, manual_id: &'a str) -> PortFuture<'a, ()> {
        self.call("forget", self.port.forget(user, manual_id))
    }

    fn all<'a>(
        &'a self,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<PendingUpload>> {
        self.call("all", self.port.all(limit, after))
    }

    fn place(&self) -> PortFuture<'_, Option<String>> {
        self.call("place", self.port.place())
    }

    fn keep_place<'a>(&'a self, place: Option<&'a str>) -> PortFuture<'a, ()> {
        self.call("keep_place", self.port.keep_place(place))
    }
}

impl IngestionStore for Guarded<dyn IngestionStore> {
    fn job<'a>(&'a self, user: &'a UserId, id: &'a str) -> PortFuture<'a, Option<Job>> {
        self.call("job", self.port.job(user, id))
    }

    fn jobs<'a>(
        &'a self,
        user: &'a UserId,
        limit: usize,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Page<Job>> {
        self.call("jobs", self.port.jobs(user, limit, after))
    }

    fn leave<'a>(&'a self, work: &'a Work) -> PortFuture<'a, ()> {
        self.call("leave", self.port.leave(work))
    }

    fn open_work(&self) -> PortFuture<'_, Vec<Work>> {
        self.call("open_work", self.port.open_work())
    }

    fn cover<'a>(
        &'a self,
        work: &'a Work,
        run: Option<&'a str>,
        now: OffsetDateTime,
    ) -> PortFuture<'a, bool> {
        self.call("cover", self.port.cover(work, run, now))
    }

    fn manuals_changed<'a>(&'a self, user: &'a UserId) -> PortFuture<'a, ()> {
        self.call("manuals_changed", self.port.manuals_changed(user))
    }

    fn finish<'a>(
        &'a self,
        work: &'a Work,
        outcome: &'a Outcome,
        now: OffsetDateTime,
    ) -> PortFuture<'a, ()> {
        self.call("finish", self.port.finish(work, outcome, now))
    }
}

impl ReplayStore for Guarded<dyn ReplayStore> {
    fn remember<'a>(&'a self, id: &'a str, now: i64, expires_at: i64) -> PortFuture<'a, bool> {
        self.call("remember", self.port.remember(id, now, expires_at))
    }
}

impl RateLimitStore for Guarded<dyn RateLimitStore> {
    fn take<'a>(&'a self, request: SlotRequest<'a>) -> PortFuture<'a, bool> {
        self.call("take", self.port.take(request))
    }

    fn taken<'a>(&'a self, subject: &'a Subject) -> PortFuture<'a, Vec<TakenSlot>> {
        self.call("taken", self.port.taken(subject))
    }
}
