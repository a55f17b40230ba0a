//! Looking out for an answer that comes soon.
//!
//! To sleep until a lone answer comes, and to be woken for it, takes a thread more processor time than a server nearby takes to answer, on an
//! idle virtual machine several times as much. Whoever lets other tasks run and looks again meanwhile has his answer in half of the time there.
//! On a machine that is busy he is in the way, and of no use where answers come from far. So both are measured, in turns, and
//! what was faster is done.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

/// For how long somebody looks out at most.
const SOON: Duration = Duration::from_micros(150);
/// How many calls are measured together: among so many that look out, a busy machine makes some wait for long.
const BLOCK: u32 = 128;
/// How long a call may take, looking out, so that it is worth its processor time: about what sleeping and being woken costs.
const WORTH: Duration = Duration::from_micros(75);
/// What one call counts at most, as some are held up by what has nothing to do with it.
const MOST: Duration = Duration::from_millis(1);
/// How many blocks of calls sleep before the next one that looks out, at first and at most: more each time that it was not faster.
const ASLEEP: (u32, u32) = (4, 1_024);
/// How many blocks look out before the next one that sleeps, as it may be faster by now.
const AWAKE: u32 = 32;

/// Knows what is faster.
#[derive(Debug)]
pub(super) struct Lookout(Mutex<Pace>);

/// What is done, and what was measured.
#[derive(Debug)]
struct Pace {
    looks: bool,
    /// The calls of this block that were answered, and how long they took.
    calls: u32,
    took: Duration,
    /// How long a block of calls takes that sleeps, as far as is known: nearer to what was fastest, so that a moment in which everything was slow
    /// does not make looking out seem fast.
    asleep: Duration,
    /// How many blocks of this kind come before one of the other.
    left: u32,
    /// How many blocks slept since it was tried last.
    slept: u32,
}

impl Pace {
    const fn new() -> Self {
        Self {
            looks: false,
            calls: 0,
            took: Duration::ZERO,
            asleep: Duration::ZERO,
            left: ASLEEP.0,
            slept: ASLEEP.0,
        }
    }

    /// Takes note of how long a call took, and whether somebody looked out for its answer.
    fn note(&mut self, looked: bool, took: Duration) {
        if looked != self.looks {
            return;
        }
        self.calls += 1;
        self.took += took.min(MOST);
        if self.calls == BLOCK {
            self.judge();
            (self.calls, self.took) = (0, Duration::ZERO);
        }
    }

    /// Says what the next block does.
    fn judge(&mut self) {
        self.left = self.left.saturating_sub(1);
        if !self.looks {
            let is_best = self.asleep.is_zero() || self.took < self.asleep;
            self.asleep = if is_best { self.took } else { (3 * self.asleep + self.took) / 4 };
            if self.left == 0 {
                (self.looks, self.left) = (true, AWAKE);
            }
        } else if self.took <= WORTH * BLOCK && self.took * 4 <= self.asleep * 3 {
            self.slept = ASLEEP.0;
            if self.left == 0 {
                (self.looks, self.left) = (false, ASLEEP.0);
            }
        } else {
            self.slept = (2 * self.slept).min(ASLEEP.1);
            (self.looks, self.left) = (false, self.slept);
        }
    }
}

impl Default for Lookout {
    fn default() -> Self {
        Self(Mutex::new(Pace::new()))
    }
}

impl Lookout {
    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a call, and looks out for its answer if that is faster. One that fails says nothing about that.
    pub(super) async fn over<T, E>(&self, call: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let (since, looks) = (Instant::now(), self.pace().looks);
        let answer = if looks { look_out(since, call).await } else { call.await };
        if answer.is_ok() {
            self.pace().note(looks, since.elapsed());
        }
        answer
    }
}

async fn look_out<T>(since: Instant, call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    while since.elapsed() < SOON {
        if let Poll::Ready(answer) = poll_fn(|context| Poll::Ready(call.as_mut().poll(context))).await {
            return answer;
        }
        tokio::task::yield_now().await;
    }
    call.await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::oneshot;

    use super::*;

    /// Returns how many of so many calls look out if each takes so long, in microseconds: one that looks out, and one that sleeps.
    fn looks(pace: &mut Pace, calls: u32, [looking, asleep]: [u64; 2]) -> u32 {
        let mut looks = 0;
        for _ in 0..calls {
            let took = if pace.looks { looking } else { asleep };
            looks += u32::from(pace.looks);
            pace.note(pace.looks, Duration::from_micros(took));
        }
        looks
    }

    #[test]
    fn what_is_faster_is_done() {
        let mut pace = Pace::new();
        let blocks = 2 * (ASLEEP.0 + AWAKE);
        assert_eq!(looks(&mut pace, blocks * BLOCK, [50, 110]), 2 * AWAKE * BLOCK);
        // The machine gets busy: the next time that some sleep shows it.
        assert!(looks(&mut pace, 2 * blocks * BLOCK, [70, 35]) <= (AWAKE + 8) * BLOCK);
        assert!(looks(&mut pace, blocks * BLOCK, [70, 35]) <= BLOCK);
    }

    #[test]
    fn nobody_looks_out_for_long_or_in_vain() {
        for times in [[500, 700], [60, 70]] {
            let mut pace = Pace::new();
            looks(&mut pace, 4 * ASLEEP.1 * BLOCK, times);
            assert_eq!(looks(&mut pace, (ASLEEP.1 + 1) * BLOCK, times), BLOCK, "{times:?}");
        }
    }

    #[test]
    fn a_slow_moment_does_not_make_looking_out_seem_fast() {
        let mut pace = Pace::new();
        looks(&mut pace, (ASLEEP.0 - 1) * BLOCK, [25, 30]);
        looks(&mut pace, BLOCK, [25, 60]);
        assert!(pace.looks);
        looks(&mut pace, BLOCK, [29, 30]);
        assert!(!pace.looks, "it took as long as sleeping, but for that moment");
    }

    #[test]
    fn one_call_that_is_held_up_weighs_little_and_many_weigh() {
        let mut pace = Pace::new();
        looks(&mut pace, ASLEEP.0 * BLOCK, [50, 110]);
        pace.note(true, Duration::from_secs(1));
        looks(&mut pace, BLOCK - 1, [50, 110]);
        assert!(pace.looks);
        for _ in 0..10 {
            pace.note(true, Duration::from_secs(1));
        }
        looks(&mut pace, BLOCK - 10, [50, 110]);
        assert!(!pace.looks);
    }

    #[tokio::test]
    async fn others_run_while_somebody_looks_out() {
        let (send, answer) = oneshot::channel();
        let runs = Arc::new(AtomicUsize::new(0));
        let other = runs.clone();
        tokio::spawn(async move {
            other.fetch_add(1, Ordering::SeqCst);
            let _ = send.send(7);
        });
        assert_eq!(look_out(Instant::now(), answer).await, Ok(7));
        assert_eq!(runs.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn an_answer_that_comes_late_is_waited_for() {
        let (send, answer) = oneshot::channel();
        let long_ago = Instant::now().checked_sub(2 * SOON).unwrap();
        let mut call = pin!(look_out(long_ago, answer));
        assert!(futures_util::poll!(call.as_mut()).is_pending());
        send.send(7).unwrap();
        assert_eq!(call.await, Ok(7));
    }
}
