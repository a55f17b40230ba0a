//! Generated code finds what it needs, whatever the names of the prelude mean where a task stands.
#![deny(warnings)]

#[allow(dead_code, non_camel_case_types, unused_macros)]
mod shadowed {
    pub(crate) struct Option;
    pub(crate) struct Result;
    pub(crate) struct Vec;
    pub(crate) struct Box;
    pub(crate) struct String;
    pub(crate) struct Some;
    pub(crate) struct None;
    pub(crate) struct Ok;
    pub(crate) struct Err;
    pub(crate) struct Duration;
    pub(crate) struct Task;
    pub(crate) struct Pin;
    pub(crate) trait Send {}
    pub(crate) trait Sync {}
    pub(crate) trait Into {}
    pub(crate) trait From {}
    pub(crate) trait Default {}
    pub(crate) trait Future {}
    pub(crate) trait ToOwned {}
    pub(crate) trait Fn {}
    pub(crate) trait FnOnce {}
    pub(crate) trait Sized {}
    pub(crate) type str = ();
    pub(crate) type u8 = ();
    pub(crate) type bool = ();
    pub(crate) mod core {}
    pub(crate) mod std {}
    pub(crate) mod asyncmq {}
    pub(crate) mod serde {}
    pub(crate) mod inventory {}

    macro_rules! line {
        () => {
            compile_error!("not this one")
        };
    }
    macro_rules! file {
        () => {
            compile_error!("not this one")
        };
    }
    macro_rules! assert {
        ($($any:tt)*) => {
            compile_error!("not this one")
        };
    }
    #[allow(unused_imports)]
    pub(crate) use {assert, file, line};

    #[::asyncmq::task(queue = "shadowed", retries = 2, ttl = 3, tags = ["a"], key = n, concurrency = 2)]
    pub(crate) async fn in_the_shadow(n: i64, maybe: ::std::option::Option<&[i64]>, list: &[i64]) -> i64 {
        n + ::core::convert::identity(list.len() as i64) + maybe.map_or(0, |_| 1)
    }

    #[::asyncmq::task]
    pub(crate) fn blocking(#[serde(default)] n: i64, ctx: ::asyncmq::Context) -> ::std::result::Result<i64, ::asyncmq::TaskError> {
        ::std::result::Result::Ok(n + i64::from(ctx.attempt()))
    }

    #[::asyncmq::task(backoff = "list(1s)", retain = "1m", rate_limit = "1/s", dedup = "simple", every = 5)]
    pub(crate) async fn nothing() {}
}

fn main() {
    drop(shadowed::in_the_shadow::job(1, None, &[]));
    drop((shadowed::blocking::job(1), shadowed::nothing::job()));
}
