//! The seeded bugs that lie in this store: pieces of scripts that stand in place of others, and a step that is two.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::Duration;

use super::codec::id_bytes;
use super::script::Script;
use super::{RedisStore, micros};
use crate::backend::{Fenced, Settlement};
use crate::job::{Name, Retention};
use crate::lifecycle::Transition;
use crate::seeded::{Bug, is_seeded};

/// For each bug the parts of scripts that have it, what stands there, and what the bug makes of it.
const SEEDS: [(Bug, &str, &str, &str); 17] = [
    (Bug::UnheldClaim, "claim", "local held = worker ..", r"local held = string.rep('\0', 16) .."),
    (Bug::BlindSettle, "settle", "if not act or sub(act, 24, 31) ~= own_claim then", "if not act then"),
    (Bug::BlindSettle, "settle_rarely", "if sub(act, 24, 31) ~= claim then return false end", ""),
    (Bug::TokenRestarts, "claim", "ARGV[at + 3] .. pack('>I2', k)", "'thetoken'"),
    // The end of a lease that the heartbeat would set is by the server's clock.
    (Bug::ClientClock, "register", "call('ZADD', S .. 'sessions', 'GT',", "tostring("),
    (Bug::SplitCompletion, "carry", "finish(Q, id, 'c',", "tostring("),
    (Bug::SplitCompletion, "settle", "local number = call(", "if Q then return end\n  local number = call("),
    (
        Bug::ArgumentsThroughJson,
        "push",
        "runs[r] = {",
        "for b = at + 5 + count, kind == 'p' and at + 4 + 2 * count or 0 do
           local is_json, args = pcall(cjson.decode, sub(ARGV[b], 12))
           if is_json then ARGV[b] = sub(ARGV[b], 1, 11) .. cjson.encode(args) end
         end
         runs[r] = {",
    ),
    (
        Bug::ArgumentsThroughJson,
        "push_one",
        "if at == '' then",
        "local is_json, args = pcall(cjson.decode, string.sub(body, 12))
         if is_json then body = string.sub(body, 1, 11) .. cjson.encode(args) end
         if at == '' then",
    ),
    (Bug::UnpackAllDue, "claim_rarely", "'-inf', now, 'LIMIT', 0, 250)", "'-inf', now)"),
    (Bug::UntiedPermit, "let_go", "leave(Q, { id }, { act })", ""),
    (Bug::UncountedStart, "holds", "if limit.kind ~= 0 then", "if false then"),
    (Bug::DoubleFire, "fire", "if not has_revision(", "if 'never' == tostring("),
    (
        Bug::LoneEnd,
        "kin",
        "kin.due[#kin.due + 1] = { Q, 'c:' .. id, state, result }",
        "if kin.has_told then return end
         kin.has_told = true
         kin.due[#kin.due + 1] = { Q, 'c:' .. id, state, result }",
    ),
    (Bug::LateChild, "kin", "if is_kept and not done then", "if is_kept then"),
    (
        Bug::EarlyChild,
        "kin",
        "edges = sub(edges, 1, place - 1) .. stands .. sub(edges, place + 1)",
        "edges = string.gsub(edges, 'o', stands)",
    ),
    (
        Bug::UnheardFailure,
        "kin",
        "if not kin.are_awaited(Q) or",
        "if state ~= 'c' or not kin.are_awaited(Q) or",
    ),
];

/// The step that a completion lacks: jobs that are active no more are written down as ended.
static WRITE_DOWN: LazyLock<Script> = LazyLock::new(|| {
    let parts: &[_] = super::script::parts!(base emit side lines_keyed lines ended);
    let own = "
local now = time()
for at = 3, #ARGV, 4 do
  local Q, id, keep = KEYS[tonumber(ARGV[at])], ARGV[at + 1], tonumber(ARGV[at + 3])
  local is_nowhere = call('HEXISTS', Q .. 'active', id) + call('HEXISTS', Q .. 'done', id) == 0
  local rec = is_nowhere and call('HGET', Q .. 'jobs', id)
  if rec then
    local s = side_of(Q, id, rec)
    if keep > 0 then keep = now + keep elseif keep < 0 then keep = nil end
    finish(Q, id, 'c', now, s.attempt + 1, s.crashes, ARGV[2], now, ARGV[at + 2], keep)
  end
end";
    Script::of("allow-oom", &[parts, &[("write_down", own)]].concat())
});

/// Returns a part of a script as the seeded bug makes it.
pub(super) fn sown<'a>(part: &str, text: &'a str) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    for (bug, of, right, wrong) in SEEDS {
        if is_seeded(bug) && of == part {
            assert_eq!(text.matches(right).count(), 1, "{bug:?} has lost its place in {part}.lua");
            text = text.replace(right, wrong).into();
        }
    }
    text
}

impl RedisStore {
    /// Makes the second step of a completion that the script left half done, a little later and never again.
    pub(super) async fn write_down(&self, queues: &[Name], jobs: &[&Settlement], fenced: &[Fenced]) {
        if !is_seeded(Bug::SplitCompletion) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        let Ok(mut script) = self.call(&WRITE_DOWN, queues).await else { return };
        script.arg([0; 17]);
        for (job, _) in jobs.iter().zip(fenced).filter(|(_, fenced)| **fenced == Fenced::Applied) {
            let place = queues.iter().position(|queue| *queue == job.envelope.queue).unwrap_or_default();
            let Transition::Complete { result, retention } = &job.transition else { continue };
            script.number(place + 2).arg(id_bytes(&job.envelope.id)).arg(result);
            match retention {
                Retention::Standard => script.arg("-1"),
                Retention::Nothing => script.arg("0"),
                Retention::For(time) => script.number(micros(*time).max(1)),
            };
        }
        let _ = script.send(&self.link).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_has_its_place_in_the_scripts() {
        let parts = super::super::script::parts!(claim holds claim_rarely settle settle_rarely push push_one carry register let_go fire kin);
        for (bug, of, right, _) in SEEDS {
            let text = parts.iter().find(|(part, _)| *part == of).map(|(_, text)| *text);
            assert_eq!(text.map(|text| text.matches(right).count()), Some(1), "{bug:?} in {of}.lua");
        }
    }
}
