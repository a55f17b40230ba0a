//! Limits and turns against a model of plain lists.
//!
//! Which key's turn it is has more than one right answer, so the model does not foresee a claim's: it says of each answer whether it is
//! right, and goes on from it. It is wrong if somebody starts whom a limit holds, out of turn within a key, or past a better
//! priority; and if somebody does not start who must.

mod command;
mod judge;
mod reference;
mod run;

use proptest::prelude::*;

use self::command::{Command, command};
use self::run::run;
use crate::support::memory::Memory;
#[cfg(feature = "redis")]
use crate::support::redis_store::Redis;
use crate::support::sqlite::Sqlite;

fn commands(most: usize) -> impl Strategy<Value = Vec<Command>> {
    prop::collection::vec(command(), 1..most)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_keeps_limits_as_the_model_does(commands in commands(160)) {
        run::<Memory>(commands);
    }

    #[test]
    fn sqlite_keeps_limits_as_the_model_does(commands in commands(80)) {
        run::<Sqlite>(commands);
    }
}

#[cfg(feature = "redis")]
proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn redis_keeps_limits_as_the_model_does(commands in commands(80)) {
        run::<Redis>(commands);
    }
}
