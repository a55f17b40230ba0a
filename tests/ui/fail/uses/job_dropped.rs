#![deny(unused_must_use)]

use asyncmq::task;

#[task]
async fn send(to: String) {
    drop(to);
}

fn main() {
    send::job("a");
}
