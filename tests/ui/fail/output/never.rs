use asyncmq::task;

#[task]
async fn send() -> ! {
    std::future::pending().await
}

fn main() {}
