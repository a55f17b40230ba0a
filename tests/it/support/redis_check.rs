//! Reads every key of a Redis store and checks that they agree: each job stands in exactly one place, and nothing leads
//! to a job that is not there.
//!
//! It knows the layout (the scripts' headers have it) and shares no code with the store.

use std::collections::{HashMap, HashSet};

use redis::{Commands, Connection};

type Bytes = Vec<u8>;

/// How many jobs of a queue stand where, as its keys say.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) waiting: usize,
    pub(crate) delayed: usize,
    pub(crate) active: usize,
    pub(crate) ended: usize,
}

/// Checks every queue under the prefix; returns where their jobs stand. `counters`: no order of a person came between.
pub(crate) fn check(connection: &mut Connection, prefix: &str, counters: bool) -> Places {
    let bases: Vec<String> = connection.smembers(format!("{prefix}:queues")).unwrap();
    let sessions: HashSet<Bytes> = connection.zrange(format!("{prefix}:sessions"), 0, -1).unwrap();
    let mut sum = Places::default();
    for base in bases {
        let queue = Queue::read(connection, &base);
        queue.check(&sessions);
        let places = queue.places();
        if counters {
            let meta: HashMap<String, i64> = connection.hgetall(format!("{base}meta")).unwrap_or_default();
            let of = |name: &str| meta.get(name).copied().unwrap_or_default();
            let unfinished = places.waiting + places.delayed + places.active;
            assert_eq!(of("e") - of("x"), i64::try_from(unfinished).unwrap(), "{base}: the counters");
        }
        sum.waiting += places.waiting;
        sum.delayed += places.delayed;
        sum.active += places.active;
        sum.ended += places.ended;
    }
    sum
}

/// All keys of one queue.
struct Queue {
    base: String,
    jobs: HashMap<Bytes, Bytes>,
    side: HashMap<Bytes, Bytes>,
    more: HashSet<Bytes>,
    active: HashMap<Bytes, Bytes>,
    done: HashMap<Bytes, Bytes>,
    delayed: Vec<Bytes>,
    lanes: HashSet<Bytes>,
    /// Entries of the waiting lists, without those that are dead; list by list.
    lines: Vec<(String, Vec<Bytes>)>,
    mortal: HashSet<Bytes>,
    cancel: HashSet<Bytes>,
    ended: HashMap<&'static str, HashSet<Bytes>>,
}

impl Queue {
    fn read(connection: &mut Connection, base: &str) -> Self {
        let key = |name: &str| format!("{base}{name}");
        let ready: HashSet<String> = connection.zrange(key("ready"), 0, -1).unwrap();
        let tombs: HashSet<Bytes> = connection.smembers(key("tombs")).unwrap();
        let mut lines = Vec::new();
        let pattern = base.replace('[', "\\[").replace('?', "\\?").replace('*', "\\*");
        let all: Vec<String> = connection.keys(format!("{pattern}*")).unwrap();
        for name in all.iter().filter_map(|key| key.strip_prefix(base)) {
            let is_list = redis::cmd("TYPE").arg(key(name)).query::<String>(connection).unwrap() == "list";
            if !is_list {
                continue;
            }
            assert!(ready.contains(name), "{base}: no claim would find the list {name}");
            let entries: Vec<Bytes> = connection.lrange(key(name), 0, -1).unwrap();
            let numbers: Vec<_> = entries.iter().map(|entry| &entry[..7]).collect();
            assert!(numbers.is_sorted(), "{base}: the list {name} is out of order");
            lines.push((
                name.to_owned(),
                entries.into_iter().filter(|entry| !tombs.contains(entry)).collect(),
            ));
        }
        let ended = ["zc", "zx", "zf", "ze", "zq", "zu"];
        let ended = ended.map(|list| (list, connection.zrange(key(list), 0, -1).unwrap()));
        Self {
            base: base.to_owned(),
            jobs: connection.hgetall(key("jobs")).unwrap(),
            side: connection.hgetall(key("side")).unwrap(),
            more: connection.hkeys(key("more")).unwrap(),
            active: connection.hgetall(key("active")).unwrap(),
            done: connection.hgetall(key("done")).unwrap(),
            delayed: connection.zrange(key("delayed"), 0, -1).unwrap(),
            lanes: connection.hkeys(key("lanes")).unwrap(),
            lines,
            mortal: connection.zrange(key("mortal"), 0, -1).unwrap(),
            cancel: connection.hkeys(key("cancel")).unwrap(),
            ended: ended.into_iter().collect(),
        }
    }

    fn places(&self) -> Places {
        let waiting = self.lines.iter().map(|(_, entries)| entries.len()).sum();
        let (delayed, active, ended) = (self.delayed.len(), self.active.len(), self.done.len());
        Places { waiting, delayed, active, ended }
    }

    fn check(&self, sessions: &HashSet<Bytes>) {
        self.check_places();
        self.check_waiting();
        self.check_sides();
        self.check_ended();
        for (id, claim) in &self.active {
            assert!(sessions.contains(&claim[12..28]), "{}: nobody would rescue {id:?}", self.base);
            assert!(claim.ends_with(id), "{}: the claim of {id:?} names another job", self.base);
        }
    }

    /// Every job stands in exactly one place, and every place has a job.
    fn check_places(&self) {
        let mut found: HashMap<&[u8], usize> = HashMap::new();
        let waiting =
            self.lines.iter().flat_map(|(_, entries)| entries).chain(&self.delayed).map(|entry| &entry[7..]);
        let held = self.active.keys().chain(self.done.keys()).map(Vec::as_slice);
        waiting.chain(held).for_each(|id| *found.entry(id).or_default() += 1);
        for id in self.jobs.keys() {
            let places = found.get(id.as_slice()).copied().unwrap_or_default();
            assert_eq!(places, 1, "{}: job {id:?} stands in {places} places", self.base);
        }
        assert_eq!(found.len(), self.jobs.len(), "{}: a place has no job", self.base);
    }

    /// A waiting job stands in the list of its lane, under the number that its record has.
    fn check_waiting(&self) {
        for (id, record) in &self.jobs {
            assert!(self.lanes.contains(&record[14..23]), "{}: the lane of {id:?} is unknown", self.base);
        }
        for (line, entries) in &self.lines {
            for entry in entries {
                let (number, id) = entry.split_at(7);
                let record = &self.jobs[id];
                assert_eq!(
                    &line.as_bytes()[1..],
                    &record[14..23],
                    "{}: {id:?} waits in a foreign lane",
                    self.base
                );
                let side = self.side.get(id);
                let own = side
                    .map_or_else(|| [&record[..5], &record[12..14]].concat(), |side| side[33..40].to_vec());
                assert_eq!(number, own, "{}: {id:?} waits under a number that is not its own", self.base);
                let crashed = side.is_some_and(|side| side[5..9] != [0; 4]);
                assert_eq!(line.starts_with('s'), crashed, "{}: {id:?} is suspect or not", self.base);
            }
        }
    }

    fn check_sides(&self) {
        for id in self.side.keys().chain(&self.mortal) {
            assert!(self.jobs.contains_key(id), "{}: a side record or end without a job", self.base);
        }
        for field in &self.more {
            assert!(self.side.contains_key(&field[1..]), "{}: a history without a side record", self.base);
        }
        for id in &self.cancel {
            assert!(
                self.active.contains_key(id),
                "{}: the cancellation of a job that does not run",
                self.base
            );
        }
        let is_free = |id: &Bytes| !self.active.contains_key(id) && !self.done.contains_key(id);
        let delayed: HashSet<&[u8]> = self.delayed.iter().map(|member| &member[7..]).collect();
        for (id, side) in self.side.iter().filter(|(id, _)| is_free(id)) {
            assert_eq!(
                side[0] == b'd',
                delayed.contains(id.as_slice()),
                "{}: the state of {id:?}",
                self.base
            );
        }
        for id in &self.mortal {
            assert!(is_free(id), "{}: {id:?} would expire after its start", self.base);
        }
    }

    /// Every ended job is in the one list that is pruned for its state.
    fn check_ended(&self) {
        assert_eq!(self.ended["zq"], self.ended["zu"], "{}: jobs with a time of their own", self.base);
        for (id, done) in &self.done {
            let lists: &[&str] = match done[0] {
                b'c' => &["zc", "zq"],
                b'x' => &["zx"],
                b'f' => &["zf"],
                b'e' => &["ze"],
                other => panic!("{}: {id:?} ended as {other}", self.base),
            };
            let found = lists.iter().filter(|list| self.ended[*list].contains(id)).count();
            assert_eq!(found, 1, "{}: {id:?} is in {found} lists of ended jobs", self.base);
        }
        let listed: usize = ["zc", "zx", "zf", "ze", "zq"].iter().map(|list| self.ended[list].len()).sum();
        assert_eq!(listed, self.done.len(), "{}: lists of ended jobs", self.base);
    }
}
