use asyncmq::task;

#[task]
async unsafe fn send(to: String) {
    drop(to);
}

fn main() {
    drop(send::job("a"));
}
