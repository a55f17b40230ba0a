//! A worker binary with two tasks of one name.

mod one {
    #[asyncmq::task]
    pub(crate) async fn twin() {}
}

mod other {
    #[asyncmq::task]
    pub(crate) async fn twin() {}
}

#[tokio::main]
async fn main() -> asyncmq::Result<()> {
    let _ = (one::twin::job(), other::twin::job());
    asyncmq::worker::run().await
}
