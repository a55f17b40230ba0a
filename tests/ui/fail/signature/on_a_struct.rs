use asyncmq::task;

#[task]
struct Send {
    to: String,
}

fn main() {}
