use asyncmq::task;

#[derive(Debug, thiserror::Error)]
#[error("lost")]
struct Lost(std::cell::Cell<u8>);

#[task]
fn send() -> Result<u8, Lost> {
    Err(Lost(1.into()))
}

fn main() {}
