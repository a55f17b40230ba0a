use asyncmq::task;

#[task(every = 0)]
async fn tidy() {}

fn main() {}
