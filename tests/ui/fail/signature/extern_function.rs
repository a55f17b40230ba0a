use asyncmq::task;

#[task]
extern "C" fn send(to: u8) {
    let _ = to;
}

fn main() {
    drop(send::job(1));
}
