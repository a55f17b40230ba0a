use asyncmq::task;

#[task]
async fn send(mail: Mail) -> Result<u8, String> {
    drop(mail);
    Ok(1)
}

fn main() {}
