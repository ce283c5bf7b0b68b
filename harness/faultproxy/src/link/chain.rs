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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tokio::time::Instant;

    use super::{Chain, Event, Links, Spec};
    use crate::link::draw::Place;
    use crate::toxic::{Kind, Stream};

    fn links(toxics: &[(&str, Value)]) -> Links {
        let spec = |(index, (kind, attributes)): (usize, &(&str, Value))| Spec {
            name: format!("{kind}{index}"),
            stream: Stream::Downstream,
            kind: Kind::named(kind).unwrap().with(attributes.as_object().unwrap()).unwrap(),
            toxicity: 1.0,
            generation: 1,
        };
        toxics.iter().enumerate().map(spec).collect()
    }

    /// Everything that comes out of a chain, each with its time after the start.
    fn out(toxics: &[(&str, Value)], chunks: &[(u64, Vec<u8>)]) -> Vec<(Duration, Event)> {
        let place = Place { seed: 1, proxy: "p".into(), connection: 1, stream: Stream::Downstream };
        let (mut chain, began) = (Chain::new(place), Instant::now());
        chain.change(&links(toxics), began);
        let mut last = Duration::ZERO;
        for (after_ms, bytes) in chunks {
            last += Duration::from_millis(*after_ms);
            chain.take(began + last, Event::Data(Bytes::copy_from_slice(bytes)));
        }
        chain.take(began + last, Event::Fin);
        chain.waiting.iter().map(|(at, event)| (*at - began, event.clone())).collect()
    }

    fn bytes(events: &[(Duration, Event)]) -> Vec<u8> {
        let data = events.iter().filter_map(|(_, event)| match event {
            Event::Data(data) => Some(data.to_vec()),
            Event::Fin | Event::Close | Event::Reset => None,
        });
        data.flatten().collect()
    }

    fn chunks() -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
        let chunk = (0..50_u64, prop::collection::vec(any::<u8>(), 1..400));
        prop::collection::vec(chunk, 1..20)
    }

    fn lossless() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
        let toxic = prop_oneof![
            (0..500_u64, 0..700_u64)
                .prop_map(|(l, j)| ("latency", json!({ "latency": l, "jitter": j }))),
            (1..5000_u64).prop_map(|rate| ("bandwidth", json!({ "rate": rate }))),
            (1..100_u64, 0..100_u64, 0..5000_u64).prop_map(|(average, variation, delay)| {
                let variation = variation % average;
                let toxic =
                    json!({ "average_size": average, "size_variation": variation, "delay": delay });
                ("slicer", toxic)
            }),
            (0..900_u64).prop_map(|delay| ("slow_close", json!({ "delay": delay }))),
            Just(("noop", json!({}))),
        ];
        prop::collection::vec(toxic, 0..5)
    }

    proptest! {
        /// Whatever delays and cuts, every byte comes out once and in order, and the end after the last of them.
        #[test]
        fn nothing_is_lost_or_out_of_order(toxics in lossless(), chunks in chunks()) {
            let events = out(&toxics, &chunks);
            let sent: Vec<u8> = chunks.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            prop_assert_eq!(bytes(&events), sent);
            prop_assert!(events.windows(2).all(|two| two[0].0 <= two[1].0));
            prop_assert_eq!(&events.last().unwrap().1, &Event::Fin);
        }

        #[test]
        fn a_limit_is_exact(limit in 0..3000_u64, chunks in chunks()) {
            let events = out(&[("limit_data", json!({ "bytes": limit }))], &chunks);
            let sent: Vec<u8> = chunks.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
            let kept = sent.len().min(usize::try_from(limit).unwrap());
            let closes = events.iter().any(|(_, event)| *event == Event::Close);
            prop_assert_eq!(bytes(&events), &sent[..kept]);
            prop_assert_eq!(closes, u64::try_from(sent.len()).unwrap() >= limit);
        }

        #[test]
        fn slices_keep_to_their_sizes(average in 1..200_u64, spread in 0..200_u64, chunks in chunks()) {
            let spread = spread % average;
            let toxic = json!({ "average_size": average, "size_variation": spread });
            for (_, event) in out(&[("slicer", toxic)], &chunks) {
                if let Event::Data(piece) = event {
                    let size = u64::try_from(piece.len()).unwrap();
                    // The last piece of a chunk is what is left of it.
                    prop_assert!(size >= 1 && size <= average + spread);
                }
            }
        }

        /// Latency is what it says for each chunk, ± its jitter; a rate is never exceeded.
        #[test]
        fn times_are_what_they_say(latency in 0..900_u64, rate in 1..1000_u64, chunks in chunks()) {
            let mut came = 0;
            let events = out(&[("latency", json!({ "latency": latency }))], &chunks);
            for ((after, _), (at, _)) in chunks.iter().zip(&events) {
                came += after;
                prop_assert_eq!(*at, Duration::from_millis(came + latency));
            }
            let events = out(&[("bandwidth", json!({ "rate": rate }))], &chunks);
            let all = u64::try_from(bytes(&events).len()).unwrap();
            let least = Duration::from_micros(all * 1000 / rate);
            let slack = Duration::from_micros(u64::try_from(events.len()).unwrap());
            prop_assert!(events.last().unwrap().0 + slack >= least, "{:?} {:?}", events.last(), least);
        }
    }

    #[test]
    fn a_reset_and_a_black_hole() {
        let events = out(&[("timeout", json!({ "timeout": 0 }))], &[(0, vec![1])]);
        assert_eq!(events, [(Duration::ZERO, Event::Close)], "the end passes, the bytes do not");
        let place = Place { seed: 1, proxy: "p".into(), connection: 1, stream: Stream::Downstream };
        let (mut chain, began) = (Chain::new(place), Instant::now());
        chain.change(&links(&[("reset_peer", json!({ "timeout": 500 }))]), began);
        chain.take(began, Event::Data(Bytes::from_static(b"first")));
        assert_eq!(chain.next(), Some(began + Duration::from_millis(500)));
        assert!(!chain.is_reset(began) && chain.is_reset(began + Duration::from_millis(500)));
    }
}
