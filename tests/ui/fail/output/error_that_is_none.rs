use asyncmq::task;

struct Lost;

#[task]
async fn send() -> Result<u8, Lost> {
    Err(Lost)
}

fn main() {}
