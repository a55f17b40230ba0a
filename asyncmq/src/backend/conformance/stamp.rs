//! The macro that makes a test of each property; `list_jobs` and `list_rest` have them.
//!
//! A property that is in neither list would never be tried; a test (`listed`) counts them.

/// Makes one test of each property of [`conformance`](crate::backend::conformance), in a module of the given name.
///
/// The expression makes a new [`Fixture`](crate::backend::conformance::Fixture) with an empty store; it is evaluated in
/// each test, in an `async` context. The crate that calls the macro needs `tokio` with `macros` and `rt-multi-thread`.
///
/// # Examples
///
/// See [`conformance`](crate::backend::conformance).
#[macro_export]
macro_rules! conformance {
    ($store:ident, $fixture:expr) => {
        mod $store {
            #[allow(unused_imports, reason = "the fixture may be named by a path")]
            use super::*;

            $crate::__conformance_of_jobs!($fixture);
            $crate::__conformance_of_the_rest!($fixture);
        }
    };
}

/// One module of tests.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance_module {
    ($fixture:expr, $module:ident: $($property:ident)*) => {
        mod $module {
            #[allow(unused_imports, reason = "the fixture may be named by a path")]
            use super::*;

            $(
                #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $property() {
                    $crate::backend::conformance::check(
                        $fixture,
                        concat!(stringify!($module), "::", stringify!($property)),
                        $crate::backend::conformance::$module::$property,
                    )
                    .await;
                }
            )*
        }
    };
}
