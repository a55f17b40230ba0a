#![allow(private_interfaces)]

mod mail {
    #[derive(serde::Serialize)]
    struct Receipt;

    #[asyncmq::task]
    pub async fn send() -> Receipt {
        Receipt
    }
}

fn main() {}
