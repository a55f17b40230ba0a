//! Stores against a model of plain maps: after each of many drawn commands, both must stand the same.
//!
//! `PROPTEST_CASES` sets how many runs there are; 256 unless set, of 60 commands each on average. Times are drawn so that none ever falls on the very end
//! of a lease or of a record's time, of which nothing is promised.

mod command;
mod keys;
mod kin;
mod limits;
mod reference;
mod system;

use proptest::test_runner::Config;
use proptest_state_machine::prop_state_machine;

use self::system::Driven;
use crate::support::memory::Memory;
#[cfg(feature = "redis")]
use crate::support::redis_store::Redis;
use crate::support::sqlite::Sqlite;

prop_state_machine! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn memory_stands_as_the_model_does(sequential 1..120 => Driven<Memory>);

    #[test]
    fn sqlite_stands_as_the_model_does(sequential 1..60 => Driven<Sqlite>);
}

#[cfg(feature = "redis")]
prop_state_machine! {
    #![proptest_config(Config { failure_persistence: None, ..Config::default() })]

    #[test]
    fn redis_stands_as_the_model_does(sequential 1..60 => Driven<Redis>);
}
