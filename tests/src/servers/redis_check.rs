//! Reads every key of a Redis store and checks that they agree: each job stands in exactly one place, and nothing leads
//! to a job that is not there.
//!
//! It knows the layout (the scripts' headers have it) and shares no code with the store.

use std::collections::{HashMap, HashSet};

use redis::{Commands, Connection};

use crate::servers::redis_kin::Kin;

type Bytes = Vec<u8>;

/// How many jobs of a queue stand where, as its keys say.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    pub waiting: usize,
    pub delayed: usize,
    pub active: usize,
    pub blocked: usize,
    pub ended: usize,
}

/// Checks every queue under the prefix; returns where their jobs stand. `counters`: no order of a person came between.
pub fn check(connection: &mut Connection, prefix: &str, counters: bool) -> Places {
    let bases: Vec<String> = connection.smembers(format!("{prefix}:queues")).unwrap();
    let sessions: HashSet<Bytes> = connection.zrange(format!("{prefix}:sessions"), 0, -1).unwrap();
    let mut sum = Places::default();
    for base in bases {
        let queue = Queue::read(connection, &base);
        queue.check(&sessions);
        let places = queue.places();
        if counters {
            let number: Option<i64> = connection.get(format!("{base}n")).unwrap();
            // Above the count stand marks.
            let number = number.unwrap_or_default() % (1 << 48);
            let mut of = |name: &str| -> i64 {
                let value: Option<i64> = connection.hget(format!("{base}meta"), name).unwrap();
                value.unwrap_or_default()
            };
            let (taken_in, ended) = (number - of("r"), of("x"));
            let unfinished = places.waiting + places.delayed + places.active + places.blocked;
            assert_eq!(taken_in - ended, i64::try_from(unfinished).unwrap(), "{base}: the counters");
        }
        sum.waiting += places.waiting;
        sum.delayed += places.delayed;
        sum.active += places.active;
        sum.blocked += places.blocked;
        sum.ended += places.ended;
    }
    sum
}

/// The list of the jobs that completed.
const COMPLETED: &str = "lc";

/// Leaves out the first entries of each job that are void.
fn without_void(list: &str, entries: Vec<Bytes>, tombs: &mut HashMap<Bytes, usize>) -> Vec<Bytes> {
    let mut is_void = |id: &Bytes| match tombs.get_mut(&[list.as_bytes(), id].concat()) {
        Some(left) if *left != 0 => {
            *left -= 1;
            true
        }
        _ => false,
    };
    entries.into_iter().filter(|id| !is_void(id)).collect()
}

/// What leads to the jobs with keys, and what counts those that run.
#[derive(Default)]
struct Turns {
    /// The lists of waiting jobs, as they are noted.
    noted: HashSet<String>,
    /// Ring and key of each key that takes turns.
    taken: HashSet<String>,
    /// Those that wait for a permit or a token.
    parked: HashSet<String>,
    /// How many jobs of each group run.
    running: HashMap<Bytes, u32>,
}

impl Turns {
    /// Reads all but the rings.
    fn read_rest(&mut self, connection: &mut Connection, base: &str) {
        self.noted = connection.zrange(format!("{base}lines"), 0, -1).unwrap();
        self.parked = connection.zrange(format!("{base}parked"), 0, -1).unwrap();
        let groups: HashMap<Bytes, Bytes> = connection.hgetall(format!("{base}groups")).unwrap();
        for (name, group) in &groups {
            self.parked.extend(rings(name, group));
        }
        let running = |group: &[u8]| u32::from_be_bytes([group[0], group[1], group[2], group[3]]);
        self.running = groups.iter().map(|(name, group)| (name.clone(), running(group))).collect();
    }
}

/// Returns the names of all keys of a queue, without its base.
fn names_of(connection: &mut Connection, base: &str) -> Vec<Bytes> {
    let pattern = base.replace('[', "\\[").replace('?', "\\?").replace('*', "\\*");
    let all: Vec<Bytes> = connection.keys(format!("{pattern}*")).unwrap();
    all.iter().filter_map(|key| key.strip_prefix(base.as_bytes())).map(<[u8]>::to_vec).collect()
}

/// Returns the names of the lists of jobs, and of keys, that wait.
fn lists_of(connection: &mut Connection, base: &str, names: &[Bytes]) -> Vec<String> {
    let mut is_list = |name: &str| {
        let key = format!("{base}{name}");
        redis::cmd("TYPE").arg(key).query::<String>(connection).unwrap() == "list"
    };
    let texts = names.iter().filter(|name| !Kin::has(name)).filter_map(|name| std::str::from_utf8(name).ok());
    texts.filter(|name| is_list(name)).map(ToOwned::to_owned).collect()
}

/// Tells whether a list is that of a key: its lane has a priority that begins with a letter from g on.
fn is_of_key(list: &str) -> bool {
    b'f' < list.as_bytes()[1]
}

/// Ring and key of each ring in which a key waits for a permit. A group of an even length has but running jobs.
fn rings(name: &[u8], group: &[u8]) -> Vec<String> {
    let Some(at) =
        name.iter().position(|byte| *byte == 0x1f).filter(|_| 23 < group.len() && group.len() % 2 == 1)
    else {
        return Vec::new();
    };
    let count = usize::from(u16::from_be_bytes([group[21], group[22]]));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    group[23..].chunks(10).take(count).map(|ring| text(ring) + &text(&name[at + 1..])).collect()
}

/// The group among whose permits a running job counts.
fn group_of(claim: &[u8]) -> Option<&[u8]> {
    let rest = claim[31..].strip_prefix(b"h").unwrap_or(&claim[31..]);
    let rest = rest.strip_prefix(b"g").or_else(|| rest.strip_prefix(b"c"))?;
    let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    Some(&rest[2..2 + length])
}

/// Reads the deduplication keys out of what is noted of jobs: mode, window, length of the key, key.
fn keyed(notes: HashMap<Bytes, Bytes>) -> HashMap<Bytes, Bytes> {
    let key = |note: &[u8]| note[11..11 + usize::from(u16::from_be_bytes([note[9], note[10]]))].to_vec();
    notes.into_iter().map(|(id, note)| (id, key(&note))).collect()
}

/// Who holds a deduplication key.
struct Holder {
    is_live: bool,
    ends: u64,
    next: Bytes,
    id: Bytes,
}

impl Holder {
    fn read(bytes: &[u8]) -> Self {
        let text = |at: usize| {
            let length = usize::from(u16::from_be_bytes([bytes[at], bytes[at + 1]]));
            bytes[at + 2..at + 2 + length].to_vec()
        };
        let ends = u64::from_be_bytes(bytes[1..9].try_into().unwrap());
        let next = text(9);
        let id = text(11 + next.len());
        Self { is_live: bytes[0] == 1, ends, next, id }
    }
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
    /// The ids in the waiting lists, without void entries; list by list.
    lines: Vec<(String, Vec<Bytes>)>,
    mortal: HashSet<Bytes>,
    cancel: HashSet<Bytes>,
    turns: Turns,
    ended: HashMap<&'static str, HashSet<Bytes>>,
    blocked: HashSet<Bytes>,
    /// Who holds each deduplication key, as the scripts write it.
    keys: HashMap<Bytes, Bytes>,
    windows: HashSet<Bytes>,
    /// The keys of jobs that have one.
    keyed: HashMap<Bytes, Bytes>,
    kin: Kin,
}

impl Queue {
    fn read(connection: &mut Connection, base: &str) -> Self {
        let key = |name: &str| format!("{base}{name}");
        let ready: HashSet<String> = connection.zrange(key("ready"), 0, -1).unwrap();
        let mut tombs: HashMap<Bytes, usize> = connection.hgetall(key("tombs")).unwrap();
        let (mut lines, mut completed, mut turns) = (Vec::new(), HashSet::new(), Turns::default());
        let names = names_of(connection, base);
        for name in &lists_of(connection, base, &names) {
            let entries: Vec<Bytes> = connection.lrange(key(name), 0, -1).unwrap();
            if name.starts_with(['W', 'S']) {
                assert!(ready.contains(name), "{base}: no claim would find the ring {name}");
                let keys = entries.into_iter().map(|key| String::from_utf8(key).unwrap());
                turns.taken.extend(keys.map(|key| format!("{name}{key}")));
                continue;
            }
            let living = without_void(name, entries, &mut tombs);
            if name == COMPLETED {
                completed = living.into_iter().collect();
                continue;
            }
            assert!(is_of_key(name) || ready.contains(name), "{base}: no claim would find the list {name}");
            lines.push((name.clone(), living));
        }
        assert!(tombs.values().all(|left| *left == 0), "{base}: void entries that are in no list");
        turns.read_rest(connection, base);
        let ended = ["zx", "zf", "ze", "zq", "zu"];
        let ended = ended.map(|list| (list, connection.zrange(key(list), 0, -1).unwrap()));
        let ended = ended.into_iter().chain([(COMPLETED, completed)]).collect();
        Self {
            base: base.to_owned(),
            jobs: connection.hgetall(key("jobs")).unwrap(),
            side: connection.hgetall(key("side")).unwrap(),
            more: connection.hkeys(key("more")).unwrap(),
            active: connection.hgetall(key("active")).unwrap(),
            done: connection.hgetall(key("done")).unwrap(),
            delayed: connection.zrange(key("delayed"), 0, -1).unwrap(),
            lanes: connection.hkeys(key("meta")).unwrap(),
            lines,
            mortal: connection.zrange(key("mortal"), 0, -1).unwrap(),
            cancel: connection.hkeys(key("cancel")).unwrap(),
            turns,
            ended,
            blocked: connection.zrange(key("blocked"), 0, -1).unwrap(),
            keys: connection.hgetall(key("keys")).unwrap(),
            windows: connection.zrange(key("windows"), 0, -1).unwrap(),
            keyed: keyed(connection.hgetall(key("keyed")).unwrap()),
            kin: Kin::read(connection, base, &names),
        }
    }

    fn places(&self) -> Places {
        let waiting = self.lines.iter().map(|(_, entries)| entries.len()).sum();
        let (delayed, active, ended) = (self.delayed.len(), self.active.len(), self.done.len());
        Places { waiting, delayed, active, blocked: self.blocked.len(), ended }
    }

    fn check(&self, sessions: &HashSet<Bytes>) {
        self.check_places();
        self.check_waiting();
        self.check_sides();
        self.check_ended();
        self.check_turns();
        self.check_permits();
        self.check_keys();
        let is_live = |id: &Bytes| self.jobs.contains_key(id) && !self.done.contains_key(id);
        self.kin.check(&self.base, |id| self.jobs.contains_key(id), is_live);
        self.kin.check_waits(&self.base, &self.blocked, is_live);
        for (id, claim) in &self.active {
            assert!(sessions.contains(&claim[..16]), "{}: nobody would rescue {id:?}", self.base);
            let has_side = claim.get(31) == Some(&b'h');
            assert_eq!(has_side, self.side.contains_key(id), "{}: the side record of {id:?}", self.base);
        }
    }

    /// Every job stands in exactly one place, and every place has a job.
    fn check_places(&self) {
        let mut found: HashMap<&[u8], usize> = HashMap::new();
        let waiting = self.lines.iter().flat_map(|(_, ids)| ids);
        let whole = waiting.chain(self.active.keys()).chain(self.done.keys()).map(Vec::as_slice);
        let delayed = self.delayed.iter().map(|member| &member[7..]);
        let whole = whole.chain(self.blocked.iter().map(Vec::as_slice));
        whole.chain(delayed).for_each(|id| *found.entry(id).or_default() += 1);
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
        for (line, ids) in &self.lines {
            let numbers: Vec<_> = ids.iter().map(|id| self.number(id)).collect();
            assert!(numbers.is_sorted(), "{}: the list {line} is out of order", self.base);
            for id in ids {
                let record = &self.jobs[id];
                let (lane, own) = (&record[14..23], line.as_bytes());
                assert_eq!(&own[1..10], lane, "{}: {id:?} waits in a foreign lane", self.base);
                let length = if is_of_key(line) { usize::from(record[23]) } else { 0 };
                assert_eq!(&own[10..], &record[24..24 + length], "{}: the key of {id:?}", self.base);
                let suspect = self.side.get(id).is_some_and(|side| 127 < side[5]);
                assert_eq!(line.starts_with('s'), suspect, "{}: {id:?} is suspect or not", self.base);
            }
        }
    }

    /// A claim finds whatever waits with a key.
    fn check_turns(&self) {
        for (line, _) in self.lines.iter().filter(|(line, _)| is_of_key(line)) {
            let (letter, lane, key) = (&line[..1], &line[1..10], &line[10..]);
            let noted = self.turns.noted.contains(&format!("{lane}{letter}{key}"));
            assert!(noted, "{}: {line} is not noted", self.base);
            let turn = format!("{}{lane}{key}", letter.to_uppercase());
            let is_found = self.turns.taken.contains(&turn) || self.turns.parked.contains(&turn);
            assert!(is_found, "{}: no claim would find the list {line}", self.base);
        }
    }

    /// The permits that are taken are those of jobs that run.
    fn check_permits(&self) {
        let mut running: HashMap<Bytes, u32> = HashMap::new();
        for group in self.active.values().filter_map(|claim| group_of(claim)) {
            *running.entry(group.to_vec()).or_default() += 1;
        }
        let counted = self.turns.running.iter().filter(|(_, count)| **count != 0);
        let counted: HashMap<_, _> = counted.map(|(name, count)| (name.clone(), *count)).collect();
        assert_eq!(counted, running, "{}: permits that no running job has", self.base);
    }

    /// The number under which a job waits: that of its side record, else of its record.
    fn number(&self, id: &Bytes) -> Bytes {
        let record = &self.jobs[id];
        let plain = || [&record[..5], &record[12..14]].concat();
        self.side.get(id).map_or_else(plain, |side| side[33..40].to_vec())
    }

    fn check_sides(&self) {
        for id in self.side.keys().chain(&self.mortal) {
            assert!(self.jobs.contains_key(id), "{}: a side record or end without a job", self.base);
        }
        // Long records do not say whether there is one.
        for (id, record) in self.jobs.iter().filter(|(_, record)| record.len() <= 4_096) {
            let says = 127 < record[5];
            assert_eq!(says, self.side.contains_key(id), "{}: the record of {id:?}", self.base);
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

    /// Whoever holds a key and has not ended is there and has that key, and so is whoever is blocked behind it; no other job is
    /// blocked, and no other window runs.
    fn check_keys(&self) {
        let (mut behind, mut windows) = (HashSet::new(), HashSet::new());
        for (key, holder) in &self.keys {
            let holder = Holder::read(holder);
            if holder.ends != 0 {
                windows.insert(key.clone());
            }
            let has_key = |id: &Bytes| self.keyed.get(id) == Some(key) && !self.done.contains_key(id);
            assert!(!holder.is_live || has_key(&holder.id), "{}: the owner of {key:?} has gone", self.base);
            assert!(holder.is_live || holder.ends != 0, "{}: nobody holds {key:?}", self.base);
            if !holder.next.is_empty() {
                assert!(holder.is_live && has_key(&holder.next), "{}: who waits for {key:?}", self.base);
                behind.insert(holder.next);
            }
        }
        behind.extend(self.kin.waiting(&self.blocked));
        assert_eq!(behind, self.blocked, "{}: blocked jobs", self.base);
        assert_eq!(windows, self.windows, "{}: the windows of keys", self.base);
    }

    /// Every ended job is in the one list that is pruned for its state.
    fn check_ended(&self) {
        assert_eq!(self.ended["zq"], self.ended["zu"], "{}: jobs with a time of their own", self.base);
        for (id, done) in &self.done {
            let lists: &[&str] = match done[0] {
                b'c' => &[COMPLETED, "zq"],
                b'x' => &["zx"],
                b'f' => &["zf"],
                b'e' => &["ze"],
                other => panic!("{}: {id:?} ended as {other}", self.base),
            };
            let found = lists.iter().filter(|list| self.ended[*list].contains(id)).count();
            assert_eq!(found, 1, "{}: {id:?} is in {found} lists of ended jobs", self.base);
        }
        let listed: usize =
            [COMPLETED, "zx", "zf", "ze", "zq"].iter().map(|list| self.ended[list].len()).sum();
        assert_eq!(listed, self.done.len(), "{}: lists of ended jobs", self.base);
    }
}
