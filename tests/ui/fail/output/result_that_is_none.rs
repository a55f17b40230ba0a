use asyncmq::task;

#[derive(serde::Serialize)]
struct Result(u8);

#[task]
async fn send() -> Result {
    Result(1)
}

fn main() {}
