//! What `#[task]` accepts and refuses, as rustc says it.
//!
//! Each file of `fail` has one mistake; what rustc says of it stands beside it. To write that anew after a change:
//! `TRYBUILD=overwrite cargo test -p asyncmq-ui-tests`, and read the difference.

/// One test, so that what the programs use is built once for those that run and those that do not compile.
#[test]
fn what_is_right_compiles_and_what_is_wrong_says_what_is_wanted() {
    let programs = trybuild::TestCases::new();
    programs.pass("pass/*.rs");
    programs.compile_fail("fail/*/*.rs");
}
