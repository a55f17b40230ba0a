use asyncmq::task;

struct Mail {
    to: String,
}

fn _used(mail: Mail) -> String {
    mail.to
}

#[task]
async fn send(mails: Vec<Mail>) -> Result<u8, String> {
    drop(mails);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue(vec![Mail { to: String::new() }]).await?.result().await
}

fn main() {
    drop(signup());
}
