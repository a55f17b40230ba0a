use asyncmq::task;

#[task(key = list, concurrency = 1)]
async fn send(list: Vec<u8>) {
    drop(list);
}

fn main() {}
