use asyncmq::task;

#[task]
async fn send(to: String) -> Result<u8, String> {
    let size: u8 = to.len();
    Ok(size)
}

fn main() {
    drop(send::job("a"));
}
