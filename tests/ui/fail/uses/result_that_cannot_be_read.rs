use asyncmq::task;

#[derive(serde::Serialize)]
struct Receipt;

#[task]
async fn send() -> Receipt {
    Receipt
}

async fn signup() -> asyncmq::Result<Receipt> {
    send::enqueue().await?.result().await
}

fn main() {
    drop(signup());
}
