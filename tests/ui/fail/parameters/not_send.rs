use asyncmq::task;
use std::marker::PhantomData;

#[derive(serde::Serialize, serde::Deserialize)]
struct Mail {
    to: String,
    local: PhantomData<*const u8>,
}

#[task]
async fn send(mail: Mail) -> Result<u8, String> {
    drop((mail.to, mail.local));
    Ok(1)
}

fn main() {}
