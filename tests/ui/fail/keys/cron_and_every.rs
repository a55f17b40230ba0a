use asyncmq::task;

#[task(cron = "@daily", every = "1h")]
async fn tidy() {}

fn main() {}
