//! Waiting for a condition with growing pauses and a bound. The only place of the stage's code that sleeps; a wait
//! that expires says what it last saw.

use std::fmt::Debug;
use std::ops::ControlFlow;
use std::time::Duration;

use tokio::time::Instant;

/// How often is asked, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// The first pause; each next one is half as long again.
    pub first: Duration,
    /// The longest pause.
    pub longest: Duration,
    /// The bound of the whole wait.
    pub within: Duration,
}

/// The condition did not come true in time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expired<S> {
    /// What the last question was answered with.
    pub last_seen: S,
    /// How long was waited.
    pub within: Duration,
}

impl Pace {
    /// For something in this process or on this machine that takes milliseconds.
    pub const fn quick(within: Duration) -> Self {
        Self { first: Duration::from_millis(5), longest: Duration::from_millis(50), within }
    }

    /// For something a person does.
    pub const fn patient(within: Duration) -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_millis(500), within }
    }

    /// For something that takes a moment, asked of somebody who counts how often he is asked.
    pub const fn sparing(within: Duration) -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(10), within }
    }

    /// How often is asked at most.
    pub fn asks(self) -> u32 {
        let (mut asks, mut at, mut pause) = (1, self.first, self.first);
        while at < self.within && !pause.is_zero() {
            asks += 1;
            pause = self.longer(pause);
            at += pause;
        }
        asks
    }

    fn longer(self, pause: Duration) -> Duration {
        (pause + pause / 2).min(self.longest)
    }
}

/// Asks until the answer is `Break`, which is returned. Each question is cut off at the bound, too: `unanswered` is
/// then what was last seen if no question was ever answered.
pub async fn until<T, S, A, F>(pace: Pace, unanswered: S, mut ask: A) -> Result<T, Expired<S>>
where
    S: Debug,
    A: FnMut() -> F,
    F: Future<Output = ControlFlow<T, S>>,
{
    let deadline = Instant::now() + pace.within;
    let mut last_seen = unanswered;
    let mut pause = pace.first;
    loop {
        match tokio::time::timeout_at(deadline, ask()).await {
            Ok(ControlFlow::Break(found)) => return Ok(found),
            Ok(ControlFlow::Continue(seen)) => last_seen = seen,
            Err(_) => return Err(Expired { last_seen, within: pace.within }),
        }
        if Instant::now() + pause >= deadline {
            return Err(Expired { last_seen, within: pace.within });
        }
        sleep(pause).await;
        pause = pace.longer(pause);
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the bounded wait that others use")]
async fn sleep(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_that_expires_says_what_it_last_saw() {
        let pace = Pace { within: Duration::from_millis(40), ..Pace::quick(Duration::ZERO) };
        let mut asked = 0_u32;
        let expired = until::<(), _, _, _>(pace, 0, || {
            asked += 1;
            let seen = asked;
            async move { ControlFlow::Continue(seen) }
        })
        .await
        .unwrap_err();
        assert!(expired.last_seen >= 2, "{expired:?}");
        assert_eq!(expired.within, Duration::from_millis(40));
    }

    #[tokio::test]
    async fn no_more_is_asked_than_is_said() {
        let within = Duration::from_millis(100);
        let pace = Pace { first: Duration::from_millis(10), longest: within, within };
        let mut asked = 0_u32;
        let wait = until::<(), _, _, _>(pace, 0, || {
            asked += 1;
            async { ControlFlow::Continue(0) }
        });
        assert!(wait.await.is_err());
        // At 0, 10, 25, 47 and 81 ms.
        assert_eq!(pace.asks(), 5);
        assert!((2..=5).contains(&asked), "{asked}");
        assert_eq!(Pace::sparing(Duration::from_mins(1)).asks(), 16);
    }

    #[tokio::test]
    async fn a_question_that_hangs_is_cut_off() {
        let pace = Pace::quick(Duration::from_millis(30));
        let expired = until(pace, "nothing", std::future::pending::<ControlFlow<(), &str>>).await;
        assert_eq!(expired.unwrap_err().last_seen, "nothing");
    }

    #[tokio::test]
    async fn the_answer_is_returned() {
        let found =
            until(Pace::quick(Duration::from_secs(1)), (), || async { ControlFlow::Break(7) })
                .await;
        assert_eq!(found, Ok(7));
    }
}
