use asyncmq::task;

#[task(cron = "@dayly")]
async fn tidy() {}

fn main() {}
