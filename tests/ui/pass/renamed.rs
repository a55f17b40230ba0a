//! The library may be called otherwise, or be re-exported by another crate.
#![deny(warnings)]

extern crate asyncmq as queue;

mod facade {
    pub mod jobs {
        pub use queue::*;
    }
}

#[queue::task(crate = ::queue, backoff = "fixed(1s)")]
async fn by_crate(text: &str, state: queue::State<u8>) -> Result<usize, String> {
    Ok(text.len() + usize::from(*state))
}

#[facade::jobs::task(crate = crate::facade::jobs)]
async fn by_path(n: u8) -> u8 {
    n
}

fn main() {
    drop((by_crate::job("a"), by_path::job(1)));
}
