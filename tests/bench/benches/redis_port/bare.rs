//! The least that a queue with leases can be: a hash of jobs, a list of ids, a set of leases. No fence, no repetition, no wake-up.

use redis::Script;
use redis::aio::MultiplexedConnection;

const PUSH: &str = "
local jobs, ids = {}, {}
for i = 1, #ARGV, 2 do
  jobs[i], jobs[i + 1], ids[#ids + 1] = ARGV[i], ARGV[i + 1], ARGV[i]
end
redis.call('HSET', 'bare:jobs', unpack(jobs))
redis.call('RPUSH', 'bare:waiting', unpack(ids))
return #ids";

const TURN: &str = "
if #ARGV > 2 then
  redis.call('ZREM', 'bare:leases', unpack(ARGV, 3))
  redis.call('HDEL', 'bare:jobs', unpack(ARGV, 3))
end
local ids = redis.call('LPOP', 'bare:waiting', ARGV[1])
if not ids then return {} end
local jobs, leases = redis.call('HMGET', 'bare:jobs', unpack(ids)), {}
for i = 1, #ids do
  leases[2 * i - 1], leases[2 * i] = ARGV[2], ids[i]
end
redis.call('ZADD', 'bare:leases', unpack(leases))
return {ids, jobs}";

pub(super) struct Bare {
    server: MultiplexedConnection,
    push: Script,
    turn: Script,
}

impl Bare {
    pub(super) fn new(server: MultiplexedConnection) -> Self {
        Self { server, push: Script::new(PUSH), turn: Script::new(TURN) }
    }

    pub(super) async fn push(&mut self, first: usize, count: usize) {
        let mut call = self.push.prepare_invoke();
        for id in first..first + count {
            call.arg(format!("{id:016}")).arg(super::args(id));
        }
        let _: usize = call.invoke_async(&mut self.server).await.unwrap();
    }

    pub(super) async fn drain(&mut self, batch: usize) -> usize {
        self.turns(batch, usize::MAX).await
    }

    /// Settles and claims at most so many times. Returns how many jobs were settled.
    pub(super) async fn turns(&mut self, batch: usize, most: usize) -> usize {
        let (mut done, mut ended): (usize, Vec<Vec<u8>>) = (0, Vec::new());
        for _ in 0..most {
            let mut call = self.turn.prepare_invoke();
            call.arg(batch).arg(1_764_000_030_000_u64);
            for id in &ended {
                call.arg(id);
            }
            let claimed: Vec<Vec<Vec<u8>>> = call.invoke_async(&mut self.server).await.unwrap();
            done += ended.len();
            match claimed.into_iter().next() {
                Some(ids) => ended = ids,
                None => return done,
            }
        }
        done
    }
}
