use asyncmq::task;

#[task]
async fn send<T: Into<String>>(to: T) -> Result<u8, String> {
    drop(to.into());
    Ok(1)
}

fn main() {
    drop(send("a"));
    drop(send::job("a"));
}
