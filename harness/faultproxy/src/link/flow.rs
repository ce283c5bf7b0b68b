//! The loop of one direction.
use std::io;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Event;
use super::chain::{Chain, Links};
use super::draw::Place;
use crate::metrics::Count;

/// What is read at once at first, and at most: a stream that fills its buffer gets a larger one, an idle one has none.
const SMALL: usize = 16 << 10;
const LARGE: usize = 256 << 10;

/// A timer is a millisecond late on average, and up to two: what is due this soon goes now, so that a delay is right in
/// the middle.
const SLACK: Duration = Duration::from_micros(750);

/// How a direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The sender was done and all was passed on: the other direction may go on.
    Fin,
    /// The connection is to be closed.
    Close,
    /// The connection is to be reset.
    Reset,
}

/// Moves bytes from `source` to `sink` until one of them or a toxic ends it.
pub(crate) async fn flow(
    mut source: ReadHalf<'_>,
    mut sink: WriteHalf<'_>,
    mut links: watch::Receiver<Links>,
    place: Place,
    count: Count,
) -> End {
    let mut chain = Chain::new(place);
    chain.change(&links.borrow_and_update(), now());
    let mut buffer = Vec::new();
    let mut ended = false;
    loop {
        let going = if chain.is_clean() && !ended {
            untouched(&mut source, &mut sink, (&mut links, &count), &mut buffer).await
        } else {
            touched(&mut source, &mut sink, (&mut links, &count), (&mut chain, &mut ended)).await
        };
        match going {
            Ok(Going::Changed(rest)) => {
                chain.change(&links.borrow_and_update(), now());
                if let Some(rest) = rest {
                    chain.take(now(), Event::Data(rest));
                }
            }
            Ok(Going::On) => {}
            Ok(Going::Ends(end)) => return end,
            // A connection that broke is closed on its other side as well.
            Err(_broken) => return End::Close,
        }
    }
}

enum Going {
    /// The list of toxics changed; these bytes are read and not passed on yet, since the receiver does not read.
    Changed(Option<Bytes>),
    /// Nothing in the way; again.
    On,
    /// This direction is over.
    Ends(End),
}

/// Tokio's clock, which a test can stop.
fn now() -> Instant {
    Instant::now()
}

/// The fast path: no toxic works on this direction.
async fn untouched(
    source: &mut ReadHalf<'_>,
    sink: &mut WriteHalf<'_>,
    (links, count): (&mut watch::Receiver<Links>, &Count),
    buffer: &mut Vec<u8>,
) -> io::Result<Going> {
    let mut changed = pin!(links.changed());
    loop {
        tokio::select! {
            biased;
            ready = source.readable() => ready?,
            gone = &mut changed => return Ok(changed_or_gone(gone.is_ok(), None)),
        }
        if buffer.is_empty() {
            buffer.resize(SMALL, 0);
        }
        loop {
            let read = match source.try_read(buffer) {
                Ok(0) => {
                    sink.shutdown().await?;
                    return Ok(Going::Ends(End::Fin));
                }
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            };
            count.received(read);
            let mut written = 0;
            while written < read {
                tokio::select! {
                    biased;
                    wrote = sink.write(&buffer[written..read]) => written += wrote?,
                    gone = &mut changed => {
                        count.sent(written);
                        let rest = Bytes::copy_from_slice(&buffer[written..read]);
                        return Ok(changed_or_gone(gone.is_ok(), Some(rest)));
                    }
                }
            }
            count.sent(read);
            if read < buffer.len() {
                break;
            }
            if buffer.len() < LARGE {
                buffer.resize(buffer.len() * 4, 0);
            }
        }
        if buffer.len() > SMALL {
            *buffer = Vec::new();
        }
    }
}

fn changed_or_gone(changed: bool, rest: Option<Bytes>) -> Going {
    if changed { Going::Changed(rest) } else { Going::Ends(End::Close) }
}

/// With toxics, or with something that still waits behind those that went.
async fn touched(
    source: &mut ReadHalf<'_>,
    sink: &mut WriteHalf<'_>,
    (links, count): (&mut watch::Receiver<Links>, &Count),
    (chain, ended): (&mut Chain, &mut bool),
) -> io::Result<Going> {
    let at = now() + SLACK;
    chain.wake(at);
    if chain.is_reset(at) {
        return Ok(Going::Ends(End::Reset));
    }
    let mut data = Bytes::new();
    match chain.due(at) {
        Some(Event::Close | Event::Reset) => return Ok(Going::Ends(End::Close)),
        Some(Event::Fin) => {
            sink.shutdown().await?;
            return Ok(Going::Ends(End::Fin));
        }
        Some(Event::Data(due)) => data = due.clone(),
        None => {}
    }
    let leaves = chain.leaves().filter(|_| data.is_empty());
    let next = chain.next().into_iter().chain(leaves).min();
    let reads = !*ended && chain.has_room();
    tokio::select! {
        biased;
        gone = links.changed() => return Ok(changed_or_gone(gone.is_ok(), None)),
        wrote = sink.write(&data), if !data.is_empty() => {
            let wrote = wrote?;
            count.sent(wrote);
            chain.done(wrote);
        }
        ready = source.readable(), if reads => {
            ready?;
            let mut buffer = BytesMut::zeroed(SMALL);
            match source.try_read(&mut buffer) {
                Ok(0) => {
                    *ended = true;
                    chain.take(now(), Event::Fin);
                }
                Ok(read) => {
                    count.received(read);
                    buffer.truncate(read);
                    chain.take(now(), Event::Data(buffer.freeze()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        () = until(next), if next.is_some() => {}
    }
    Ok(Going::On)
}

/// The chain's next time; a toxic's delay is what is waited for.
async fn until(next: Option<Instant>) {
    if let Some(next) = next {
        // A time that is past already is no wait.
        tokio::time::sleep_until(next.checked_sub(SLACK).unwrap_or(next)).await;
    }
}
