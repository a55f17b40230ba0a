//! What a server notes of the calls of a sender, so that a repeated one is answered as the first time.

use super::caller::{Caller, plain};

/// Milliseconds.
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

impl Caller {
    /// Returns the keys under which calls are noted: of lone pushes, and of all others.
    fn notes(&self) -> Vec<String> {
        let keys: Vec<Vec<u8>> = self.server.order(&["KEYS", "asyncmq:[rR]????????????????"]);
        keys.iter().map(|key| String::from_utf8_lossy(&key[..9]).into_owned()).collect()
    }

    /// Lets all notes be forgotten in a minute, as if they were a day old, and returns in how much time they will be after that.
    async fn renewed(&mut self, jobs_each: usize, calls: usize) -> i64 {
        let script = "for _, key in ipairs(redis.call('KEYS', 'asyncmq:[rR]????????????????')) do redis.call('PEXPIRE', key, ARGV[1]) end";
        self.server.order::<()>(&["EVAL", script, "0", &MINUTE.to_string()]);
        for _ in 0..calls {
            self.push((0..jobs_each).map(|_| plain()).collect()).await;
        }
        let least = "local least = -1 for _, key in ipairs(redis.call('KEYS', 'asyncmq:' .. ARGV[1] .. '????????????????')) do \
                     local left = redis.call('PTTL', key) if least < 0 or left < least then least = left end end return least";
        let kind = if jobs_each == 1 { "R" } else { "r" };
        self.server.order(&["EVAL", least, "0", kind])
    }
}

#[tokio::test]
async fn the_calls_of_a_sender_are_noted_for_as_long_as_it_sends() {
    let mut caller = Caller::new().await;
    for jobs_each in [1, 2] {
        for _ in 0..70 {
            caller.push((0..jobs_each).map(|_| plain()).collect()).await;
        }
        assert!(!caller.notes().is_empty());
        assert!(
            caller.renewed(jobs_each, 64).await > HOUR,
            "renewed by one call of 64, {jobs_each} jobs each"
        );
        assert!(caller.renewed(jobs_each, 0).await <= MINUTE, "and otherwise they go");
    }
}
