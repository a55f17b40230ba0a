//! The lines of waiting jobs with keys: who enters, who leaves, and whose turn is next.

use rusqlite::params;

use super::super::bytes::micros;
use super::super::statements as sql;
use super::claim::{Head, LaneHeads};
use super::fault::Step;
use super::hold::Hold;
use super::room::Entered;
use super::tx::Tx;
use crate::backend::MAX_BATCH;
use crate::backend::limits::PART;
use crate::job::Name;
use crate::lifecycle::Allowance;

/// When a line takes turns again that waits for a permit.
const UNTIL_FREED: i64 = i64::MAX;

/// Tells whether a group is that of a key.
pub(super) fn is_keyed(group: &str) -> bool {
    group.contains(PART)
}

impl Tx<'_> {
    /// Lets a job wait in the line of its key. Returns the line.
    pub(super) fn enter_line(&mut self, (queue, lane): (i64, i64), priority: i64, group: &str) -> Step<i64> {
        let turn = self.number();
        let mut enter = self.conn.prepare_cached(sql::LINE_ENTER)?;
        Ok(enter.query_row((queue, lane, priority, group, turn), |row| row.get(0))?)
    }

    /// Takes a waiting job out of the line of its key.
    pub(super) fn leave_line(&mut self, line: i64) -> Step<()> {
        let turn = self.number();
        let waiting: i64 =
            self.conn.prepare_cached(sql::LINE_LEAVE)?.query_row([turn, line], |row| row.get(0))?;
        if waiting <= 0 {
            self.conn.prepare_cached(sql::LINE_DELETE)?.execute([line])?;
        }
        Ok(())
    }

    /// Takes note that a job of a key has left its worker's hand: what waits for its permit takes turns again.
    pub(super) fn free_turn(&mut self, queue: i64, group: String) {
        if !self.freed.iter().any(|(of, known)| *of == queue && *known == group) {
            self.freed.push((queue, group));
        }
    }

    /// Lets the lines take turns again that wait for what was freed.
    pub(super) fn free_lines(&mut self) -> Step<()> {
        for (queue, group) in std::mem::take(&mut self.freed) {
            let turn = self.number();
            if self.conn.prepare_cached(sql::LINES_FREED)?.execute((turn, queue, group))? != 0 {
                self.wake(queue);
            }
        }
        Ok(())
    }

    /// Lets the lines take turns again whose token is there.
    pub(super) fn unpark_due(&mut self, queue: i64) -> Step<()> {
        let turn = self.number();
        self.conn.prepare_cached(sql::LINES_DUE)?.execute((turn, queue, micros(self.now)))?;
        Ok(())
    }

    /// Lets lines take turns again that were parked under limits that are no more, some at a time. Returns whether there may be more.
    pub(super) fn unpark_stale(&self, queue: i64, era: i64) -> Step<bool> {
        let columns = (queue, era, MAX_BATCH as i64);
        Ok(self.conn.prepare_cached(sql::LINES_STALE)?.execute(columns)? == MAX_BATCH)
    }

    /// Reads the next jobs of a lane with keys, if those that were read are used up: as many of each key as there are turns.
    pub(super) fn read_lines(
        &mut self,
        lane: &mut LaneHeads,
        name: &Name,
        want: usize,
        mut hold: Option<&mut Hold>,
    ) -> Step<()> {
        self.drop_held(lane, hold.as_deref_mut())?;
        while lane.heads.is_empty() && lane.behind.is_some() {
            let lines = self.next_lines(lane.lane, want)?;
            let Some(level) = lines.first().map(|line| line.priority) else {
                lane.behind = None;
                return Ok(());
            };
            let lines: Vec<_> = lines.into_iter().take_while(|line| line.priority == level).collect();
            // Whoever is alone has all turns.
            let (turns, mut given) = (want.div_ceil(lines.len()), Vec::new());
            for NextLine { line, group, weight, given: before, .. } in lines {
                if let Some(hold) = hold.as_deref_mut() {
                    let at =
                        Entered { queue: lane.key.queue, lane: lane.lane, line: Some((line, group.clone())) };
                    self.make_room(hold, &at)?;
                    if hold.is_crowded {
                        return Ok(());
                    }
                }
                let may = match hold.as_deref_mut() {
                    None => Allowance::May(u32::MAX),
                    Some(hold) => hold.allowance(self.conn, Some(&lane.key.task), &group, self.now)?,
                };
                match may {
                    Allowance::May(may) => {
                        let most = turns.saturating_mul(weight).min(may as usize).min(want);
                        let heads = self.heads_of_line(lane, name, (line, &group), most)?;
                        given.push(Given {
                            heads: heads.into_iter(),
                            weight,
                            left: weight.saturating_sub(before),
                        });
                    }
                    held => self.park(line, held, hold.as_deref_mut())?,
                }
            }
            interleave(given, lane);
            if hold.as_deref().is_some_and(|hold| MAX_BATCH <= hold.parked || hold.is_crowded) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Drops jobs that were read and may not start any more: one of their key did, of another lane.
    fn drop_held(&self, lane: &mut LaneHeads, hold: Option<&mut Hold>) -> Step<()> {
        let Some(hold) = hold else { return Ok(()) };
        while let Some((_, group)) = lane.heads.front().and_then(|head| head.line.as_ref())
            && !matches!(hold.allowance(self.conn, Some(&lane.key.task), group, self.now)?, Allowance::May(_))
        {
            lane.heads.pop_front();
        }
        Ok(())
    }

    fn next_lines(&self, lane: i64, limit: usize) -> Step<Vec<NextLine>> {
        let mut next = self.conn.prepare_cached(sql::LINES_NEXT)?;
        let rows = next.query_map(params![lane, limit as i64], |row| {
            let (line, priority, group) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let number = |column| row.get::<_, u32>(column).map(|number| number as usize);
            Ok(NextLine { line, priority, group, weight: number(3)?, given: number(4)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn heads_of_line(
        &mut self,
        lane: &LaneHeads,
        name: &Name,
        (line, group): (i64, &str),
        limit: usize,
    ) -> Step<Vec<Head>> {
        let mut read = self.conn.prepare_cached(sql::CLAIM_LINE)?;
        let mut rows = read.query(params![line, limit as i64])?;
        let mut heads = Vec::new();
        while let Some(row) = rows.next()? {
            let mut head = self.head(row, name, &lane.key)?;
            head.line = Some((line, group.to_owned()));
            heads.push(head);
        }
        Ok(heads)
    }

    fn park(&mut self, line: i64, held: Allowance, hold: Option<&mut Hold>) -> Step<()> {
        let until = match held {
            Allowance::Until(time) => micros(time),
            Allowance::Full | Allowance::May(_) => UNTIL_FREED,
        };
        let era = hold.as_ref().map_or(0, |hold| hold.era);
        self.conn.prepare_cached(sql::LINE_PARK)?.execute([until, era, line])?;
        if let Some(hold) = hold {
            hold.parked += 1;
        }
        Ok(())
    }
}

/// A line whose turn it is.
struct NextLine {
    line: i64,
    priority: i64,
    group: String,
    /// How many jobs it gives in a turn, and has given in this one.
    weight: usize,
    given: usize,
}

/// What a line gives.
struct Given {
    heads: std::vec::IntoIter<Head>,
    weight: usize,
    /// How many it has left in its turn.
    left: usize,
}

/// Lets the jobs of different lines take turns.
fn interleave(mut lines: Vec<Given>, lane: &mut LaneHeads) {
    loop {
        let before = lane.heads.len();
        for line in &mut lines {
            lane.heads.extend(line.heads.by_ref().take(line.left.max(1)));
            line.left = line.weight;
        }
        if lane.heads.len() == before {
            return;
        }
    }
}
