use asyncmq::task;

struct Mailer;

impl Mailer {
    #[task]
    async fn send(&self, to: String) {
        drop(to);
    }
}

fn main() {
    drop(Mailer.send("a".into()));
}
