//! What `#[task]` accepts and refuses, as rustc says it.
//!
//! Each file of `ui/fail` has one mistake; what rustc says of it stands beside it. To write that anew after a change:
//! `TRYBUILD=overwrite cargo test -p asyncmq-tests --test ui`, and read the difference.

#[test]
fn what_is_right_compiles() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

#[test]
fn what_is_wrong_says_what_is_wanted() {
    trybuild::TestCases::new().compile_fail("ui/fail/*/*.rs");
}
