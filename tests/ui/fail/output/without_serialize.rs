use asyncmq::task;

struct Receipt;

#[task]
async fn send() -> Result<Receipt, String> {
    Ok(Receipt)
}

fn main() {}
