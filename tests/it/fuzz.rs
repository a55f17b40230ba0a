//! Garbage for everything that reads what others may have written: a few seconds of it, or as long as one likes.
//!
//! Each target gets its samples, the corpus that is kept in `tests/fuzz/corpus`, and then changed ones of those.
//! `ASYNCMQ_FUZZ_SECONDS` says how long for each, `ASYNCMQ_FUZZ_ONLY` names one, `ASYNCMQ_SEED` draws others.
//! `tests/fuzz` lets libFuzzer look for the way into the same targets.

use std::panic::catch_unwind;
use std::path::Path;
use std::time::{Duration, Instant};

use asyncmq::fuzz::{Target, targets};
use asyncmq_tests::servers::dice::Dice;

/// How long one target is given garbage in an ordinary run.
const USUAL: Duration = Duration::from_millis(250);
/// No input is longer.
const LONGEST: usize = 4_096;
/// Bytes and texts that mean something to some reader.
const WORDS: [&[u8]; 22] = [
    b"0",
    b"1e19",
    b"-",
    b".",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"@",
    b"%7b",
    b"null",
    b"\xff\xff\xff\xff",
    b"\0\0\0\0",
    b"\x80",
    b"18446744073709551616",
    b"\n",
    b"\\u0000",
    b"\xc3\xbc",
];

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns what is kept of earlier findings and ways into a target.
fn corpus(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target.name);
    let Ok(files) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

/// Changes an input a little.
fn change(input: &mut Vec<u8>, others: &[Vec<u8>], dice: &mut Dice) {
    let place = |length: usize, dice: &mut Dice| usize::try_from(dice.below(length as u64 + 1)).unwrap();
    for _ in 0..=dice.below(4) {
        let at = place(input.len(), dice);
        match dice.below(7) {
            0 if at < input.len() => input[at] ^= 1 << dice.below(8),
            1 if at < input.len() => input[at] = u8::try_from(dice.below(256)).unwrap(),
            2 => input.truncate(at),
            3 => drop(input.drain(at..(at + place(8, dice)).min(input.len()))),
            4 => {
                let word = WORDS[place(WORDS.len() - 1, dice)];
                input.splice(at..at, word.iter().copied());
            }
            5 => {
                let other = &others[place(others.len() - 1, dice)];
                let (from, length) = (place(other.len(), dice), place(32, dice));
                let piece = other[from..(from + length).min(other.len())].to_vec();
                input.splice(at..at, piece);
            }
            _ => {
                let piece = input[at..(at + place(32, dice)).min(input.len())].to_vec();
                input.splice(at..at, piece);
            }
        }
    }
    input.truncate(LONGEST);
}

fn give(target: &Target, input: &[u8], seed: u64) {
    let read = target.read;
    if let Err(panic) = catch_unwind(|| read(input)) {
        eprintln!("{} does not bear (seed {seed}): b\"{}\"", target.name, input.escape_ascii());
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn garbage_is_refused_in_order_and_what_is_read_can_be_written() {
    let seed = setting("ASYNCMQ_SEED").map_or(1, |seed| seed.parse().unwrap());
    let seconds = setting("ASYNCMQ_FUZZ_SECONDS").map(|seconds| seconds.parse().unwrap());
    let (budget, only) = (seconds.map_or(USUAL, Duration::from_secs), setting("ASYNCMQ_FUZZ_ONLY"));
    let chosen = targets().into_iter().filter(|target| only.as_ref().is_none_or(|only| *only == target.name));
    for target in chosen {
        let mut inputs = target.samples.clone();
        inputs.extend(corpus(&target));
        inputs.iter().for_each(|input| give(&target, input, seed));
        let (mut dice, start, mut count) = (Dice::new(seed), Instant::now(), inputs.len());
        while start.elapsed() < budget {
            let from = usize::try_from(dice.below(inputs.len() as u64)).unwrap();
            let mut input = inputs[from].clone();
            change(&mut input, &inputs, &mut dice);
            give(&target, &input, seed);
            count += 1;
        }
        println!("{:<16} {count:>9} inputs", target.name);
    }
}
