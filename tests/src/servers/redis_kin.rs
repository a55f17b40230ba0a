//! Jobs of a Redis store that wait for others: whether each waits for one that has not ended, and whether that one knows.
//!
//! It knows the layout (the header of `kin.lua` has it) and shares no code with the store.

use std::collections::{HashMap, HashSet};

use redis::{Commands, Connection};

type Bytes = Vec<u8>;

/// Lists the blocked jobs that nobody will let go on, at one moment: none of those that they wait for is left, or one has ended and they
/// do not know. Of an end that was too many for one step, which the queue still has to tell, they may not know yet.
const BROKEN_WAITS: &str = "
local broken = {}
for _, base in ipairs(redis.call('SMEMBERS', ARGV[1])) do
  for _, id in ipairs(redis.call('ZRANGE', base .. 'blocked', 0, -1)) do
    local edges, parents = unpack(redis.call('HMGET', base .. 'f:' .. id, 'o', 'p'))
    if edges then
      local at, place, open = 1, 0, 0
      while at <= #parents do
        local _, _, P, parent, _, behind = struct.unpack('>c1c1I2c0I2c0I2c0', parents, at)
        at, place = behind, place + 1
        if string.sub(edges, place, place) == 'o' then
          open = open + 1
          local is_live = redis.call('HEXISTS', P .. 'jobs', parent) == 1 and redis.call('HEXISTS', P .. 'done', parent) == 0
          if not is_live and redis.call('EXISTS', P .. 'ends') == 0 then
            broken[#broken + 1] = id .. ' of ' .. base .. ', for ' .. parent
          end
        end
      end
      if open == 0 then broken[#broken + 1] = id .. ' of ' .. base .. ', for nobody' end
    end
  end
end
return broken";

/// Looks at all jobs that wait for others at one moment. Returns what is wrong, if anything is.
///
/// # Errors
///
/// Those of the server.
pub fn broken_waits(connection: &mut Connection, prefix: &str) -> redis::RedisResult<Option<String>> {
    let queues = format!("{prefix}:queues");
    let broken: Vec<Bytes> = redis::Script::new(BROKEN_WAITS).arg(queues).invoke(connection)?;
    let broken: Vec<_> = broken.iter().map(|job| String::from_utf8_lossy(job).into_owned()).collect();
    Ok((!broken.is_empty()).then(|| format!("these wait in vain: {}", broken.join(", "))))
}

/// Takes a layout apart, as the scripts wrote it.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }

    fn text(&mut self) -> &'a [u8] {
        let length = self.take(2);
        self.take(usize::from(u16::from_be_bytes([length[0], length[1]])))
    }
}

/// What a queue has of jobs that wait for others, or that others wait for.
#[derive(Default)]
pub(super) struct Kin {
    /// How many entries the list of each that others wait for was given.
    kids: HashMap<Bytes, usize>,
    /// How many it has.
    lists: HashMap<Bytes, usize>,
    /// Those that wait: a letter for each that they wait for, and where those are.
    waits: HashMap<Bytes, (Bytes, Bytes)>,
    /// Those to whom others passed something on.
    fed: HashSet<Bytes>,
    /// The lists of whom is still to be told of an end, as they are noted, and as they are there.
    noted: HashSet<String>,
    telling: HashSet<String>,
}

impl Kin {
    /// Reads it out of the names of all keys of a queue, which are without its base.
    pub(super) fn read(connection: &mut Connection, base: &str, names: &[Bytes]) -> Self {
        let key = |name: &[u8]| [base.as_bytes(), name].concat();
        let kids: HashMap<Bytes, usize> = connection.hgetall(key(b"kids")).unwrap();
        let ends: Vec<Bytes> = connection.lrange(key(b"ends"), 0, -1).unwrap();
        let list = |end: &Bytes| String::from_utf8(Reader(&end[1..]).text().to_vec()).unwrap();
        let mut kin = Self { kids, noted: ends.iter().map(list).collect(), ..Self::default() };
        for name in names {
            match name.as_slice() {
                [b'c', b':', id @ ..] => {
                    kin.lists.insert(id.to_vec(), connection.llen(key(name)).unwrap());
                }
                [b'f', b':', id @ ..] => {
                    let of = redis::cmd("HMGET").arg(key(name)).arg("o").arg("p").query(connection).unwrap();
                    kin.waits.insert(id.to_vec(), of);
                }
                [b'i', b':', id @ ..] => drop(kin.fed.insert(id.to_vec())),
                [b't', b':', ..] => drop(kin.telling.insert(String::from_utf8(name.to_vec()).unwrap())),
                _ => {}
            }
        }
        kin
    }

    /// Tells whether the list of this name is one of those here.
    pub(super) fn has(name: &[u8]) -> bool {
        name == b"ends" || name.starts_with(b"c:") || name.starts_with(b"t:")
    }

    /// Returns the blocked jobs that wait for others.
    pub(super) fn waiting(&self, blocked: &HashSet<Bytes>) -> HashSet<Bytes> {
        blocked.iter().filter(|id| self.waits.contains_key(*id)).cloned().collect()
    }

    /// Whoever is waited for has not ended, and has a list of those that wait; whoever waits is there.
    pub(super) fn check(
        &self,
        base: &str,
        is_there: impl Fn(&Bytes) -> bool,
        is_live: impl Fn(&Bytes) -> bool,
    ) {
        assert_eq!(self.kids, self.lists, "{base}: the lists of those that wait");
        for id in self.kids.keys() {
            assert!(is_live(id), "{base}: the end of {id:?} was not told");
        }
        for id in self.waits.keys() {
            assert!(is_there(id), "{base}: {id:?} waits for others and is not there");
        }
        for id in &self.fed {
            assert!(self.waits.contains_key(id), "{base}: {id:?} was passed something and waited for nobody");
        }
        assert_eq!(self.noted, self.telling, "{base}: ends that are still to be told");
    }

    /// A blocked job waits for somebody, and one that has not ended and is not blocked for nobody.
    pub(super) fn check_waits(&self, base: &str, blocked: &HashSet<Bytes>, is_live: impl Fn(&Bytes) -> bool) {
        for (id, (edges, parents)) in self.waits.iter().filter(|(id, _)| is_live(id)) {
            let (mut reader, mut places) = (Reader(parents), 0);
            while !reader.0.is_empty() {
                reader.take(2);
                for _ in 0..3 {
                    reader.text();
                }
                places += 1;
            }
            assert_eq!(edges.len(), places, "{base}: for how many {id:?} waits");
            assert_eq!(edges.contains(&b'o'), blocked.contains(id), "{base}: {id:?} waits, or is blocked");
        }
    }
}
