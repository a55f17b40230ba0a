//! The target that `ASYNCMQ_FUZZ_ONLY` names.
#![no_main]

use std::sync::LazyLock;

use asyncmq::fuzz::{Target, targets};
use libfuzzer_sys::fuzz_target;

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let name = std::env::var("ASYNCMQ_FUZZ_ONLY").expect("ASYNCMQ_FUZZ_ONLY names the target");
    let named = targets().into_iter().find(|target| target.name == name);
    let target = named.unwrap_or_else(|| panic!("there is no target {name}"));
    // What they lead to is kept in the corpus.
    target.samples.iter().for_each(|sample| (target.read)(sample));
    target
});

fuzz_target!(|bytes: &[u8]| (TARGET.read)(bytes));
