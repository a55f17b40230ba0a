use asyncmq::task;

struct Receipt;

#[task]
async fn send() -> Receipt {
    Receipt
}

fn main() {}
