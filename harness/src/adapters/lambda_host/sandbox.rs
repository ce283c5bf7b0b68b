//! One sandbox: a process, its Runtime API, and one invocation at a time. Between invocations the process is stopped
//! where it is. Which sandbox gets which invocation is the pool's.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::failure::FailureKind;
use super::failure::FunctionError;
use super::function::Function;
use super::process::Child;
use super::process::Spawn;
use super::runtime_api::Call;
use super::runtime_api::ErrorReport;
use super::runtime_api::Invocation;
use super::runtime_api::RuntimeApi;
use crate::adapters::embedded_stage::clock::unix_ms;
use crate::adapters::guard::ProgramExit;

/// A function may take so long before its first `next` (Lambda's init phase: 10 s).
const INIT: Duration = Duration::from_secs(10);
/// How often the memory of a busy sandbox is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// What holds for every sandbox of a function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SandboxLimits {
    /// The function time-out.
    pub timeout: Duration,
    /// Resident memory beyond which the process is killed, in MiB. It is looked at every 100 ms: an address-space limit
    /// would count what a Rust runtime reserves and never touches. Children of the process are not counted.
    pub memory_mib: u64,
}

/// An invocation to run.
#[derive(Debug)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) payload: Bytes,
    pub(super) trace_id: String,
    pub(super) reply: oneshot::Sender<Result<Bytes, FunctionError>>,
}

/// What a start took.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ColdStart {
    /// From nothing to a running process, the guard's own start included.
    pub start: Duration,
    /// From then to the first `next`: what Lambda reports as its init duration.
    pub init: Duration,
}

/// What an invocation left behind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Ran {
    /// How it failed.
    pub(super) failed: Option<FailureKind>,
    /// The sandbox waits for the next one.
    pub(super) warm: bool,
    /// The most memory that was seen, in KiB.
    pub(super) rss_kib: u64,
}

/// A sandbox whose process waits for an invocation.
#[derive(Debug)]
pub(super) struct Sandbox {
    function: Function,
    limits: SandboxLimits,
    child: Box<dyn Child>,
    api: RuntimeApi,
    next: Option<oneshot::Sender<Invocation>>,
    cancel: CancellationToken,
}

impl Sandbox {
    /// Starts a process and waits for its first `next`, at most 10 s; then stops it where it is.
    pub(super) async fn start(
        spawner: &dyn Spawn,
        (function, ordinal): (Function, u64),
        limits: SandboxLimits,
        cancel: CancellationToken,
    ) -> Result<(Self, ColdStart), FunctionError> {
        let failed = |message: String| FunctionError::new(FailureKind::Init, message);
        let api = RuntimeApi::listen().await.map_err(|error| failed(error.to_string()))?;
        let began = Instant::now();
        let child = spawner
            .spawn(function, api.address, ordinal)
            .await
            .map_err(|error| failed(error.to_string()))?;
        let spawned = Instant::now();
        let mut sandbox = Self { function, limits, child, api, next: None, cancel };
        if let Err(error) = sandbox.initialise(spawned + INIT).await {
            sandbox.end().await;
            return Err(error);
        }
        let cold = ColdStart { start: spawned - began, init: spawned.elapsed() };
        sandbox.child.suspend();
        Ok((sandbox, cold))
    }

    async fn initialise(&mut self, deadline: Instant) -> Result<(), FunctionError> {
        let failed = |message: String| FunctionError::new(FailureKind::Init, message);
        loop {
            tokio::select! {
                biased;
                call = self.api.calls.recv() => match call {
                    Some(Call::Next(next)) => {
                        self.next = Some(next);
                        return Ok(());
                    }
                    Some(Call::InitError { report, ack }) => {
                        accept(ack);
                        return Err(reported(FailureKind::Init, report));
                    }
                    Some(call) => refuse(call),
                    None => return Err(failed("its runtime api ended".to_owned())),
                },
                exit = self.child.exited() => {
                    return Err(failed(format!("it ended before its first `next` ({exit})")));
                }
                () = sleep_until(deadline) => {
                    return Err(failed(format!("it did not ask for an invocation within {INIT:?}")));
                }
                () = self.cancel.cancelled() => return Err(failed("the stage ends".to_owned())),
            }
        }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Waits for the end of the process while nobody asked for it.
    pub(super) async fn exited(&mut self) -> ProgramExit {
        self.child.exited().await
    }

    /// Ends the process, within 5 s.
    pub(super) async fn end(self) {
        self.child.stop().await;
    }

    /// Runs one invocation. Whoever waits for the answer has it before the sandbox is warm again.
    pub(super) async fn invoke(&mut self, order: Order) -> Ran {
        let deadline = Instant::now() + self.limits.timeout;
        let mut course =
            Course { id: order.id, reply: Some(order.reply), failed: None, rss_kib: 0 };
        self.child.resume();
        let invocation = Invocation {
            id: course.id.clone(),
            payload: order.payload,
            deadline_ms: unix_ms()
                + u64::try_from(self.limits.timeout.as_millis()).unwrap_or(u64::MAX / 2),
            arn: super::arn(&format!("lambda:{{}}:function:{}", self.function.name())),
            trace_id: order.trace_id,
        };
        // Where the runtime has hung up meanwhile, its end, its next call or the deadline is what is seen.
        drop(self.next.take().map(|next| next.send(invocation)));
        let warm = self.until_next(&mut course, deadline).await;
        if warm {
            self.child.suspend();
        } else {
            self.child.kill();
        }
        Ran { failed: course.failed, warm, rss_kib: course.rss_kib }
    }

    /// Until the runtime asks for the next invocation (`true`) or cannot any more.
    async fn until_next(&mut self, course: &mut Course, deadline: Instant) -> bool {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                call = self.api.calls.recv() => match call {
                    Some(Call::Next(next)) => {
                        if course.reply.is_some() {
                            course.fail(FailureKind::Crashed, "it asked for more without an answer");
                        }
                        self.next = Some(next);
                        self.look(course);
                        return true;
                    }
                    Some(call) => course.hear(call),
                    None => return course.fail(FailureKind::Crashed, "its runtime api ended"),
                },
                exit = self.child.exited() => {
                    let how = format!("Runtime exited ({exit})");
                    return course.fail(FailureKind::Crashed, &how);
                }
                () = sleep_until(deadline) => {
                    let seconds = self.limits.timeout.as_secs_f64();
                    let how = format!("Task timed out after {seconds:.2} seconds");
                    return course.fail(FailureKind::TimedOut, &how);
                }
                _at = looks.tick() => if self.look(course) {
                    let how = format!("more than {} MiB", self.limits.memory_mib);
                    return course.fail(FailureKind::OutOfMemory, &how);
                },
                () = self.cancel.cancelled() => return false,
            }
        }
    }

    /// Looks at the memory; whether it is too much.
    fn look(&self, course: &mut Course) -> bool {
        let rss_kib = self.child.rss_kib().unwrap_or(0);
        course.rss_kib = course.rss_kib.max(rss_kib);
        rss_kib > self.limits.memory_mib * 1_024
    }
}

/// One invocation under way.
#[derive(Debug)]
struct Course {
    id: String,
    reply: Option<oneshot::Sender<Result<Bytes, FunctionError>>>,
    failed: Option<FailureKind>,
    rss_kib: u64,
}

impl Course {
    fn hear(&mut self, call: Call) {
        match call {
            Call::Answer { id, body, ack } if self.awaits(&id) => {
                accept(ack);
                self.answer(Ok(body));
            }
            Call::Error { id, report, ack } if self.awaits(&id) => {
                accept(ack);
                self.answer(Err(reported(FailureKind::Reported, report)));
            }
            Call::TooLarge { id, ack } if self.awaits(&id) => {
                ack.send(StatusCode::PAYLOAD_TOO_LARGE).ok();
                let message =
                    "Response payload size exceeded maximum allowed payload size (6291456 bytes).";
                let kind = FailureKind::ResponseTooLarge;
                self.answer(Err(FunctionError::new(kind, message.to_owned())));
            }
            other @ (Call::Next(_)
            | Call::Answer { .. }
            | Call::TooLarge { .. }
            | Call::Error { .. }
            | Call::InitError { .. }) => refuse(other),
        }
    }

    fn awaits(&self, id: &str) -> bool {
        self.reply.is_some() && id == self.id
    }

    fn answer(&mut self, answer: Result<Bytes, FunctionError>) {
        if let Some(reply) = self.reply.take() {
            self.failed = answer.as_ref().err().map(|error| error.kind);
            // A caller that has given up hears nothing; the invocation ran all the same.
            drop(reply.send(answer));
        }
    }

    /// The answer, if there is none yet: after it, only the counts say so. Always `false`, "not warm".
    fn fail(&mut self, kind: FailureKind, how: &str) -> bool {
        let message = format!("RequestId: {} Error: {how}", self.id);
        self.answer(Err(FunctionError::new(kind, message)));
        self.failed = self.failed.or(Some(kind));
        false
    }
}

fn reported(kind: FailureKind, report: ErrorReport) -> FunctionError {
    FunctionError { kind, error_type: report.error_type, message: report.message }
}

fn accept(ack: oneshot::Sender<StatusCode>) {
    // A runtime that has hung up does not need it.
    ack.send(StatusCode::ACCEPTED).ok();
}

/// A call that does not belong to the invocation under way.
fn refuse(call: Call) {
    match call {
        // Dropped: the runtime is told that its container is gone.
        Call::Next(_) => {}
        Call::Answer { ack, .. }
        | Call::TooLarge { ack, .. }
        | Call::Error { ack, .. }
        | Call::InitError { ack, .. } => {
            ack.send(StatusCode::BAD_REQUEST).ok();
        }
    }
}
