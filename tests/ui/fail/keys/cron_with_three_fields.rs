use asyncmq::task;

#[task(cron = "* * *")]
async fn tidy() {}

fn main() {}
