//! A target for garbage: the arguments of a task, taken apart and read as one with many kinds of them does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Slot, Stored, TaskError, finish};
use crate::fuzz::{Target, same};

#[derive(Debug, Serialize, Deserialize)]
struct Node {
    label: Option<String>,
    #[serde(default)]
    parts: Vec<Node>,
}

#[derive(Debug, Serialize, Deserialize)]
enum Shape {
    Unit,
    Of(f64),
    Sides { a: f32, b: i128 },
}

/// The arguments of a task.
#[derive(Debug)]
struct All {
    to: String,
    count: u32,
    large: Vec<u64>,
    map: BTreeMap<String, f64>,
    node: Option<Node>,
    shape: Shape,
}

const TO: Slot<String> = Slot::new("to").aliases(&["recipient"]);
const COUNT: Slot<u32> = Slot::new("count").default(|| 7);
const LARGE: Slot<Vec<u64>> = Slot::new("large");
const MAP: Slot<BTreeMap<String, f64>> = Slot::new("map").default(BTreeMap::new);
const NODE: Slot<Option<Node>> = Slot::new("node");
const SHAPE: Slot<Shape> = Slot::new("a \"name\"").default(|| Shape::Unit);

impl All {
    fn read(json: &[u8]) -> Result<Self, TaskError> {
        let mut stored = Stored::of(json)?;
        let all = Self {
            to: TO.take(&mut stored, 0)?,
            count: COUNT.take(&mut stored, 1)?,
            large: LARGE.take(&mut stored, 2)?,
            map: MAP.take(&mut stored, 3)?,
            node: NODE.take(&mut stored, 4)?,
            shape: SHAPE.take(&mut stored, 5)?,
        };
        stored.end(6)?;
        Ok(all)
    }

    fn written(&self) -> Result<bytes::Bytes, String> {
        let mut out = Vec::new();
        TO.write(&self.to, &mut out)?;
        COUNT.write(&self.count, &mut out)?;
        LARGE.write(&self.large, &mut out)?;
        MAP.write(&self.map, &mut out)?;
        NODE.write(&self.node, &mut out)?;
        SHAPE.write(&self.shape, &mut out)?;
        Ok(finish(out))
    }
}

pub(crate) fn arguments() -> Target {
    let samples = [
        r#"{"to":"x","count":3,"large":[9007199254740993,18446744073709551615],"map":{"a":1.5e-7},"node":null}"#,
        r#"{"recipient":"\u00fc\\","large":[],"node":{"label":null,"parts":[{"label":"x","parts":[]}]}}"#,
        r#"{"0":"x","2":[1],"a \"name\"":{"Sides":{"a":0.1,"b":-170141183460469231731687303715884105728}}}"#,
        r#" { "to" : "x" , "large":[ 1 , 2 ] , "unknown":{"a":[1,"}"]},"a \"name\"":{"Of":-0.0}}"#,
    ];
    let samples = samples.iter().map(|text| text.as_bytes().to_vec()).collect();
    Target { name: "arguments", read: read_arguments, samples }
}

fn read_arguments(json: &[u8]) {
    // Whatever a reader of JSON takes for an object comes apart.
    if serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(json).is_ok_and(|all| all.len() <= 500) {
        assert!(Stored::of(json).is_ok() || json.len() > 4_000, "{}", json.escape_ascii());
    }
    let Ok(all) = All::read(json) else { return };
    let written = match all.written() {
        Ok(written) => written,
        // An f32 may have been too large for itself, and what is no number has no JSON.
        Err(reason) => return assert!(reason.contains("JSON"), "{reason}"),
    };
    let again = All::read(&written).expect("what was written can be read");
    same(all, again);
}
