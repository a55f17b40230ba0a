use asyncmq::task;

#[task(retry = 3)]
async fn send(to: &'static str, parts: &mut Vec<u8>) -> impl Sized {
    let _ = (to, parts);
}

fn main() {
    drop(send::job("a", vec![1]));
}
