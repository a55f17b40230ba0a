#![deny(unused_must_use)]

use asyncmq::task;

#[task]
async fn send(to: String) {
    drop(to);
}

async fn signup() {
    send::enqueue("a");
}

fn main() {
    drop(signup());
}
