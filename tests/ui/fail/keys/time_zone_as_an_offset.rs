use asyncmq::task;

#[task(cron = "@daily", tz = "+02:00")]
async fn tidy() {}

fn main() {}
