//! The dead-letter queue, the errors table and notifications behind breakers.

use super::Guarded;
use crate::domain::failure::{ErrorRecord, Failure};
use crate::ports::{Alerts, ErrorStore, FailureQueue, FailureSource, Notice, PortFuture, Received};

impl FailureQueue for Guarded<dyn FailureQueue> {
    fn send<'a>(&'a self, failure: &'a Failure) -> PortFuture<'a, ()> {
        self.call("SendMessage", self.port.send(failure))
    }
}

impl FailureSource for Guarded<dyn FailureSource> {
    fn receive(&self) -> PortFuture<'_, Vec<Received>> {
        self.call("ReceiveMessage", self.port.receive())
    }

    fn delete<'a>(&'a self, receipt: &'a str) -> PortFuture<'a, ()> {
        self.settle(self.port.delete(receipt))
    }
}

impl ErrorStore for Guarded<dyn ErrorStore> {
    fn count<'a>(
        &'a self,
        message_id: &'a str,
        failure: &'a Failure,
        now: i64,
    ) -> PortFuture<'a, ()> {
        self.call("count", self.port.count(message_id, failure, now))
    }

    fn claim_notice<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, Notice> {
        self.call("claim_notice", self.port.claim_notice(hash, now))
    }

    fn notice_given<'a>(&'a self, hash: &'a str, now: i64) -> PortFuture<'a, ()> {
        self.settle(self.port.notice_given(hash, now))
    }
}

impl Alerts for Guarded<dyn Alerts> {
    fn notify<'a>(&'a self, error: &'a ErrorRecord) -> PortFuture<'a, ()> {
        self.call("Publish", self.port.notify(error))
    }
}
