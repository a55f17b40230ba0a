use asyncmq::task;

type Outcome = Result<(), String>;

#[task]
async fn send() -> Outcome {
    Err("lost".into())
}

fn main() {}
