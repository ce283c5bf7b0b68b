//! The sandboxes of one function: started on demand up to the reserved concurrency, kept warm, the one that was used
//! last first, and ended when they are idle for long or evicted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::failure::FailureKind;
use super::failure::FunctionError;
use super::failure::InvokeError;
use super::figures::Counts;
use super::figures::Figures;
use super::function::Function;
use super::payload::PAYLOAD_MAX;
use super::process::Spawn;
use super::sandbox::ColdStart;
use super::sandbox::Order;
use super::sandbox::Sandbox;
use super::sandbox::SandboxLimits;
use super::tasks::Tasks;

/// A sandbox asks for its next invocation at once after its answer. The answer waits for that, at most so long: on
/// loopback a client would else be back before the sandbox is, and find a cold one.
const REST: Duration = Duration::from_millis(10);

/// What a pool is made of.
#[derive(Clone, Debug)]
pub(super) struct PoolSettings {
    pub(super) function: Function,
    /// Invocations at once, and with them sandboxes.
    pub(super) concurrency: usize,
    /// How long an invocation waits for a place; Lambda's do not wait.
    pub(super) queue: Duration,
    pub(super) limits: SandboxLimits,
    /// A sandbox that nobody has used for so long is ended.
    pub(super) idle: Duration,
    pub(super) spawner: Arc<dyn Spawn>,
    pub(super) tasks: Tasks,
    pub(super) cancel: CancellationToken,
}

/// The sandboxes of one function.
#[derive(Debug)]
pub(super) struct Pool {
    settings: PoolSettings,
    /// One permit for each invocation under way; first come, first served.
    places: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those that wait, the one that was used last at the end.
    idle: Vec<Warm>,
    /// The process ids of those that run, by ordinal; a starting one has none yet.
    live: BTreeMap<u64, Option<u32>>,
    started: u64,
    /// Sandboxes of an older generation were evicted while they were busy.
    generation: u64,
    counts: Counts,
}

/// A sandbox that waits for an order. Dropping it evicts the sandbox.
#[derive(Debug)]
struct Warm {
    ordinal: u64,
    orders: oneshot::Sender<Placed>,
}

/// An order and its place, which is free again when the sandbox is.
#[derive(Debug)]
struct Placed {
    order: Order,
    place: Place,
}

/// A place in the pool for one invocation; whoever waits for its end sees `_held` go.
#[derive(Debug)]
struct Place {
    _permit: OwnedSemaphorePermit,
    _held: oneshot::Sender<()>,
}

/// A sandbox as the pool knows it, from before its start.
#[derive(Debug)]
struct Seat {
    pool: Arc<Pool>,
    ordinal: u64,
    generation: u64,
}

/// What a sandbox is started for.
#[derive(Debug)]
enum First {
    Order(Placed),
    /// Nothing yet; somebody wants to know what the start took.
    Warmth(oneshot::Sender<Result<ColdStart, FunctionError>>, Place),
}

/// An event for a function.
#[derive(Clone, Debug)]
pub struct Event {
    /// The request id of the invocation.
    pub id: String,
    /// JSON.
    pub payload: Bytes,
    /// The X-Ray header of the invocation.
    pub trace_id: String,
}

impl Pool {
    pub(super) fn new(settings: PoolSettings) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(settings.concurrency));
        Arc::new(Self { settings, places, state: Mutex::default() })
    }

    /// Runs the function on `event` (a synchronous invocation). Bounded by the queue's time, the init phase and the
    /// function time-out.
    pub(super) async fn invoke(self: &Arc<Self>, event: Event) -> Result<Bytes, InvokeError> {
        let bytes = event.payload.len();
        if bytes > PAYLOAD_MAX {
            return Err(InvokeError::TooLarge { bytes });
        }
        let place = self.place(self.settings.queue).await?;
        let (reply, answer) = oneshot::channel();
        let (held, rested) = oneshot::channel();
        let place = Place { _permit: place, _held: held };
        let Event { id, payload, trace_id } = event;
        self.hand_over(Placed { order: Order { id, payload, trace_id, reply }, place });
        // The sandbox bounds its own steps; one that is gone drops the reply.
        let answer = answer.await;
        // Nothing is ever said but by the end of the place.
        timeout(REST, rested).await.ok();
        match answer {
            Ok(answer) => Ok(answer?),
            Err(_dropped) => {
                let how = "the sandbox ended".to_owned();
                Err(FunctionError::new(FailureKind::Crashed, how).into())
            }
        }
    }

    /// Starts one more sandbox and waits until it is warm.
    pub(super) async fn warm(self: &Arc<Self>) -> Result<ColdStart, InvokeError> {
        let place = self.place(Duration::ZERO).await?;
        let (tell, told) = oneshot::channel();
        let (held, rested) = oneshot::channel();
        let place = Place { _permit: place, _held: held };
        let seat = self.seat(&mut self.lock());
        self.settings.tasks.spawn(keep(seat, First::Warmth(tell, place)));
        let ended = || FunctionError::new(FailureKind::Init, "the stage ends".to_owned());
        let cold = told.await.map_err(|_dropped| ended())??;
        timeout(REST, rested).await.ok();
        Ok(cold)
    }

    /// Ends every sandbox: those that are idle now, the others after their invocation. How many those are.
    pub(super) fn evict(&self) -> usize {
        let mut state = self.lock();
        state.generation += 1;
        state.idle.clear();
        state.live.len()
    }

    pub(super) fn figures(&self) -> Figures {
        let state = self.lock();
        let pids: Vec<u32> = state.live.values().copied().flatten().collect();
        state.counts.figures(state.live.len(), state.idle.len(), pids)
    }

    /// A place for one invocation. A queue of no time is none: who cannot begin at once is refused.
    async fn place(&self, queue: Duration) -> Result<OwnedSemaphorePermit, InvokeError> {
        let places = Arc::clone(&self.places);
        let place = match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => Some(place),
            Err(_) if queue.is_zero() => None,
            Err(_) => timeout(queue, places.acquire_owned()).await.ok().and_then(Result::ok),
        };
        place.ok_or_else(|| {
            self.lock().counts.throttles += 1;
            InvokeError::Throttled { limit: self.settings.concurrency }
        })
    }

    /// To the sandbox that was used last, or to a new one.
    fn hand_over(self: &Arc<Self>, mut placed: Placed) {
        let mut state = self.lock();
        while let Some(warm) = state.idle.pop() {
            match warm.orders.send(placed) {
                Ok(()) => return,
                // It has ended just now.
                Err(back) => placed = back,
            }
        }
        let seat = self.seat(&mut state);
        drop(state);
        self.settings.tasks.spawn(keep(seat, First::Order(placed)));
    }

    fn seat(self: &Arc<Self>, state: &mut State) -> Seat {
        let ordinal = state.started;
        state.started += 1;
        state.live.insert(ordinal, None);
        Seat { pool: Arc::clone(self), ordinal, generation: state.generation }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Waits for an order from now on; none where the sandbox was evicted meanwhile.
    fn offer(&self) -> Option<oneshot::Receiver<Placed>> {
        let mut state = self.pool.lock();
        if state.generation != self.generation {
            return None;
        }
        let (orders, placed) = oneshot::channel();
        state.idle.push(Warm { ordinal: self.ordinal, orders });
        Some(placed)
    }

    /// Is not offered any more; `false` if somebody has taken it already.
    fn withdraw(&self) -> bool {
        let mut state = self.pool.lock();
        let before = state.idle.len();
        state.idle.retain(|warm| warm.ordinal != self.ordinal);
        state.idle.len() < before
    }

    fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.pool.lock().counts);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        state.idle.retain(|warm| warm.ordinal != self.ordinal);
        state.live.remove(&self.ordinal);
    }
}

/// One sandbox from its start to its end.
async fn keep(seat: Seat, first: First) {
    let PoolSettings { function, limits, spawner, cancel, .. } = &seat.pool.settings;
    let name = function.name();
    let start = Sandbox::start(&**spawner, (*function, seat.ordinal), *limits, cancel.clone());
    let (mut sandbox, cold) = match start.await {
        Ok(started) => started,
        Err(error) => {
            tracing::warn!(function = name, %error, "a sandbox did not start");
            seat.count(|counts| counts.failed(FailureKind::Init));
            match first {
                First::Order(placed) => drop(placed.order.reply.send(Err(error))),
                First::Warmth(tell, _place) => drop(tell.send(Err(error))),
            }
            return;
        }
    };
    seat.pool.lock().live.insert(seat.ordinal, Some(sandbox.pid()));
    seat.count(|counts| counts.cold_start(cold));
    let place = match first {
        First::Order(placed) => run(&seat, &mut sandbox, placed).await,
        First::Warmth(tell, place) => {
            drop(tell.send(Ok(cold)));
            Some(place)
        }
    };
    if let Some(place) = place {
        serve(&seat, &mut sandbox, place).await;
    }
    sandbox.end().await;
}

/// One order after the other. `place` is given back when the sandbox can be found, so that who gets it finds one.
async fn serve(seat: &Seat, sandbox: &mut Sandbox, mut place: Place) {
    let PoolSettings { function, idle, cancel, .. } = &seat.pool.settings;
    while let Some(mut orders) = seat.offer() {
        drop(place);
        let placed = tokio::select! {
            biased;
            placed = timeout(*idle, &mut orders) => placed,
            exit = sandbox.exited() => {
                tracing::warn!(function = function.name(), %exit, "an idle sandbox ended by itself");
                seat.count(|counts| counts.failed(FailureKind::Crashed));
                return;
            }
            () = cancel.cancelled() => return,
        };
        let placed = match placed {
            Ok(placed) => placed,
            Err(_idle) if seat.withdraw() => return,
            // Somebody was quicker.
            Err(_idle) => orders.await,
        };
        // An error is the eviction.
        let Ok(placed) = placed else { return };
        let Some(again) = run(seat, sandbox, placed).await else { return };
        place = again;
    }
}

/// Runs one order; the place comes back where the sandbox is warm.
async fn run(seat: &Seat, sandbox: &mut Sandbox, Placed { order, place }: Placed) -> Option<Place> {
    let id = order.id.clone();
    let ran = sandbox.invoke(order).await;
    if let Some(kind) = ran.failed {
        let function = seat.pool.settings.function.name();
        tracing::warn!(function, request_id = id, ?kind, "an invocation failed");
    }
    seat.count(|counts| counts.ran(ran));
    ran.warm.then_some(place)
}
