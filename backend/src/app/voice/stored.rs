//! What a spoken call leaves in the world, and its deletion: tried before the call is answered, and by a task for what is
//! left then or when the call is dropped. What a crash leaves, the sweep removes.

use std::sync::Arc;
use std::time::Duration;

use crate::app::caller::Caller;
use crate::app::failures::Failures;
use crate::clock::{self, Clock};
use crate::context::{self, Deadline};
use crate::defects::{self, Defect};
use crate::domain::audio::AudioType;
use crate::domain::failure::{Failure, FailureKind};
use crate::domain::leftovers::job_name;
use crate::domain::user::UserId;
use crate::logging::chain;
use crate::ports::{DeletedJob, FileStore, PortError, SpeechJob, Transcriber};
use crate::state::App;

/// How long an answer waits for the deletions of its own call: they take some ten milliseconds, and what takes longer is not
/// the asker's to wait for.
const CLEAN_UP_BEFORE_ANSWER: Duration = Duration::from_secs(1);

/// How long a task goes on trying: a job that is at work cannot be deleted, and seldom takes longer.
const CLEAN_UP_WITHIN: Duration = Duration::from_secs(15);

/// How often a task looks whether a job at work can be deleted: the service takes five deletions a second of an account.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Recording, job and transcript of one call. Dropping it deletes what is left of them.
#[must_use = "what is stored is deleted when this is dropped"]
pub(super) struct Stored {
    job: SpeechJob,
    left: Left,
    /// A deletion has failed or hung.
    left_to_task: bool,
    world: World,
}

/// Where they are, and who is told of what stays there.
#[derive(Clone)]
struct World {
    bucket: Arc<dyn FileStore>,
    transcriber: Arc<dyn Transcriber>,
    failures: Failures,
    clock: Clock,
    user: UserId,
}

/// What may be there still.
#[derive(Default)]
struct Left {
    audio_key: Option<String>,
    job_name: Option<String>,
    transcript_key: Option<String>,
    /// Whether the job can write no transcript any more.
    job_ended: bool,
}

impl Stored {
    /// Nothing is stored yet.
    pub(super) fn new(app: &App, caller: &Caller, audio: AudioType) -> Self {
        let folder = format!("audio/{}/{}", caller.user.as_str(), caller.request_id);
        let job = SpeechJob {
            name: job_name(&caller.request_id),
            audio_key: format!("{folder}.{}", audio.extension()),
            audio,
            transcript_key: format!("{folder}.json"),
        };
        let world = World {
            bucket: Arc::clone(&app.ports.audio),
            transcriber: Arc::clone(&app.ports.transcriber),
            failures: app.failures.clone(),
            clock: app.clock.clone(),
            user: caller.user.clone(),
        };
        Self { job, left: Left::default(), left_to_task: false, world }
    }

    /// The recording is about to be put there.
    pub(super) fn recording_is_put(&mut self) -> SpeechJob {
        self.left.audio_key = Some(self.job.audio_key.clone());
        self.job.clone()
    }

    /// The job is about to be started.
    pub(super) fn job_is_started(&mut self) {
        self.left.job_name = Some(self.job.name.clone());
        self.left.transcript_key = Some(self.job.transcript_key.clone());
    }

    /// The job has come to an end of its own.
    pub(super) fn job_has_ended(&mut self) {
        self.left.job_ended = true;
    }

    /// Deletes what can be deleted at once, before `deadline`; the rest is left to the task, and so is all that is left once
    /// a deletion has failed or hung: the SDK has tried it three times.
    pub(super) async fn clean_up(&mut self, deadline: Deadline) {
        let within = deadline.remaining().min(CLEAN_UP_BEFORE_ANSWER);
        if self.left_to_task || within.is_zero() || leaks(&self.left) || self.left.is_nothing() {
            return;
        }
        // Until it has gone well.
        self.left_to_task = true;
        match Deadline::after(within).bound(self.left.delete(&self.world)).await {
            Ok(Ok(())) => self.left_to_task = false,
            Ok(Err(error)) => {
                tracing::warn!(message = "spoken call not cleaned up yet", cause = chain(&error));
            }
            Err(passed) => {
                tracing::warn!(message = "spoken call not cleaned up yet", cause = chain(&passed));
            }
        }
    }
}

/// The seeded defect leaves what a call that failed had stored.
fn leaks(left: &Left) -> bool {
    defects::is_on(Defect::TranscribeJobLeaked) && !left.job_ended
}

impl Left {
    const fn is_nothing(&self) -> bool {
        self.audio_key.is_none() && self.job_name.is_none() && self.transcript_key.is_none()
    }

    /// One try at everything; the first error, after all were tried.
    async fn delete(&mut self, world: &World) -> Result<(), PortError> {
        let (audio, job) = tokio::join!(
            delete_object(world, &mut self.audio_key),
            delete_job(world, &mut self.job_name),
        );
        // Deleted before the job's end, the transcript would be written again.
        self.job_ended |= self.job_name.is_none();
        let transcript = if self.job_ended {
            delete_object(world, &mut self.transcript_key).await
        } else {
            Ok(())
        };
        audio.and(job).and(transcript)
    }

    /// Tries until nothing is left; an error ends it, for the SDK has tried again already.
    async fn delete_all(&mut self, world: &World) -> Result<(), PortError> {
        loop {
            self.delete(world).await?;
            if self.is_nothing() {
                return Ok(());
            }
            clock::pause(AGAIN_AFTER).await;
        }
    }

    /// Tells a person of what could not be deleted.
    fn report(&self, world: &World, cause: &str) {
        tracing::warn!(message = "spoken call not cleaned up", cause);
        let at = world.clock.now();
        let report = |kind, operation, detail| {
            let failure = Failure::new(kind, operation, detail, at);
            world.failures.report(failure.of_user(&world.user));
        };
        if self.audio_key.is_some() || self.transcript_key.is_some() {
            report(FailureKind::AudioLeft, "delete", "a recording or its transcript is left");
        }
        if self.job_name.is_some() {
            report(FailureKind::TranscriptionLeft, "delete", "a transcription job is left");
        }
    }
}

async fn delete_object(world: &World, key: &mut Option<String>) -> Result<(), PortError> {
    if let Some(there) = key {
        world.bucket.delete(there).await?;
        *key = None;
    }
    Ok(())
}

async fn delete_job(world: &World, name: &mut Option<String>) -> Result<(), PortError> {
    if let Some(there) = name
        && world.transcriber.delete(there).await? == DeletedJob::Gone
    {
        *name = None;
    }
    Ok(())
}

impl Drop for Stored {
    fn drop(&mut self) {
        if leaks(&self.left) || self.left.is_nothing() {
            return;
        }
        let mut left = std::mem::take(&mut self.left);
        let world = self.world.clone();
        let cleaning = async move {
            match Deadline::after(CLEAN_UP_WITHIN).bound(left.delete_all(&world)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => left.report(&world, &chain(&error)),
                Err(passed) => left.report(&world, &chain(&passed)),
            }
        };
        // The request's trace goes on in what is done for it.
        let tasks = self.world.failures.tasks();
        match context::current() {
            Some(context) => tasks.spawn(context.scope(cleaning)),
            None => tasks.spawn(cleaning),
        };
    }
}
