//! The toxics of a direction in their order, and what they make of events.
use std::collections::VecDeque;

use tokio::time::Instant;

use super::draw::{Draws, Place};
use super::{Event, Stage};
use crate::toxic::{Kind, Stream, Toxic};

/// What waits at most behind toxics that buffer, as Toxiproxy's 1024 chunks.
const MUCH: (usize, usize) = (1024, 8 << 20);
/// And behind others.
const LITTLE: (usize, usize) = (64, 64 << 10);

/// A toxic as links need it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    pub(crate) name: String,
    pub(crate) stream: Stream,
    pub(crate) kind: Kind,
    pub(crate) toxicity: f64,
    /// Another number each time it is changed.
    pub(crate) generation: u64,
}

impl Spec {
    pub(crate) fn of(toxic: &Toxic, generation: u64) -> Self {
        Self {
            name: toxic.name.clone(),
            stream: toxic.stream,
            kind: toxic.kind,
            toxicity: toxic.toxicity,
            generation,
        }
    }
}

/// All toxics of a proxy, in their order.
pub(crate) type Links = Vec<Spec>;

struct Placed {
    spec: Spec,
    stage: Box<dyn Stage>,
}

/// The toxics that work on one direction of one connection, and what waits behind them.
pub(crate) struct Chain {
    place: Place,
    placed: Vec<Placed>,
    waiting: VecDeque<(Instant, Event)>,
    bytes: usize,
    /// A reset overtakes what nobody reads.
    resets: Option<Instant>,
}

impl Chain {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, placed: Vec::new(), waiting: VecDeque::new(), bytes: 0, resets: None }
    }

    /// Takes over a changed list. What waits behind a toxic that went or changed goes at once, as in Toxiproxy.
    pub(crate) fn change(&mut self, links: &Links, now: Instant) {
        let mut old = std::mem::take(&mut self.placed);
        let mut released = false;
        let stream = self.place.stream;
        for spec in links.iter().filter(|spec| spec.stream == stream) {
            let before = old.iter().position(|placed| placed.spec.name == spec.name);
            let before = before.map(|index| old.remove(index));
            if let Some(before) = before {
                if before.spec == *spec {
                    self.placed.push(before);
                    continue;
                }
                released = true;
                self.place_new(spec, now, before.stage.passed());
            } else {
                self.place_new(spec, now, 0);
            }
        }
        if old.iter().any(|gone| gone.stage.closes_when_removed()) {
            self.put(now, Event::Close);
        }
        if released || !old.is_empty() {
            for (at, _) in &mut self.waiting {
                *at = now.min(*at);
            }
        }
    }

    fn place_new(&mut self, spec: &Spec, now: Instant, passed: u64) {
        let mut draws = Draws::of(&self.place, &spec.name, spec.generation);
        if draws.unit() >= spec.toxicity {
            return;
        }
        if let Some(mut stage) = spec.kind.stage(now, draws) {
            stage.resume(passed);
            self.placed.push(Placed { spec: spec.clone(), stage });
        }
    }

    /// Whether bytes go through untouched.
    pub(crate) fn is_clean(&self) -> bool {
        self.placed.is_empty() && self.waiting.is_empty() && self.resets.is_none()
    }

    /// Whether more may come in.
    pub(crate) fn has_room(&self) -> bool {
        let much = self.placed.iter().any(|placed| placed.stage.buffers());
        let (events, bytes) = if much { MUCH } else { LITTLE };
        self.waiting.len() < events && self.bytes < bytes
    }

    /// An event comes in at `at`.
    pub(crate) fn take(&mut self, at: Instant, event: Event) {
        self.through(0, at, event);
    }

    /// Toxics whose time has come.
    pub(crate) fn wake(&mut self, now: Instant) {
        for index in 0..self.placed.len() {
            if self.placed[index].stage.wakes().is_some_and(|at| at <= now) {
                let mut out = Vec::new();
                self.placed[index].stage.wake(now, &mut |at, event| out.push((at, event)));
                for (at, event) in out {
                    self.through(index + 1, at, event);
                }
            }
        }
    }

    /// When something happens next though nothing comes and nothing goes.
    pub(crate) fn next(&self) -> Option<Instant> {
        let wakes = self.placed.iter().filter_map(|placed| placed.stage.wakes());
        wakes.chain(self.resets).min()
    }

    /// When what waits is to go out.
    pub(crate) fn leaves(&self) -> Option<Instant> {
        self.waiting.front().map(|(at, _)| *at)
    }

    /// Whether the connection is to be reset by now.
    pub(crate) fn is_reset(&self, now: Instant) -> bool {
        self.resets.is_some_and(|at| at <= now)
    }

    /// What is due, without taking it.
    pub(crate) fn due(&self, now: Instant) -> Option<&Event> {
        self.waiting.front().filter(|(at, _)| *at <= now).map(|(_, event)| event)
    }

    /// Takes what was due; of data, the first `written` bytes.
    pub(crate) fn done(&mut self, written: usize) {
        let Some((_, event)) = self.waiting.front_mut() else { return };
        if let Event::Data(data) = event {
            self.bytes -= written;
            if written < data.len() {
                *data = data.slice(written..);
                return;
            }
        }
        self.waiting.pop_front();
    }

    fn through(&mut self, from: usize, at: Instant, event: Event) {
        let mut events = vec![(at, event)];
        for placed in self.placed.iter_mut().skip(from) {
            let mut out = Vec::with_capacity(events.len());
            for (at, event) in events {
                placed.stage.take(at, event, &mut |at, event| out.push((at, event)));
            }
            events = out;
        }
        for (at, event) in events {
            self.put(at, event);
        }
    }

    fn put(&mut self, at: Instant, event: Event) {
        if matches!(event, Event::Reset) {
            self.resets = Some(self.resets.map_or(at, |before| before.min(at)));
            return;
        }
        if let Event::Data(data) = &event {
            self.bytes += data.len();
        }
        // Nothing overtakes what went before.
        let at = self.leaves_last().map_or(at, |last| at.max(last));
        self.waiting.push_back((at, event));
    }

    fn leaves_last(&self) -> Option<Instant> {
        self.waiting.back().map(|(at, _)| *at)
    }
}
