//! A process that sends jobs and may have a seeded bug: `seeded_sender URL FOLDER [ID PAYLOAD]…` sends each job in a call
//! of its own, the first at once and each other when the file `go` is in the folder. An id may have another one behind it, `ID>OTHER`, for
//! which the job waits.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use asyncmq::{Client, OnFailure};
use asyncmq_tests::lab::journal::Journal;
use asyncmq_tests::lab::load::Drawn;
use asyncmq_tests::lab::send::Sender;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [url, folder, jobs @ ..] = words.as_slice() else {
        anyhow::bail!("seeded_sender URL FOLDER [ID PAYLOAD]…")
    };
    let folder = Path::new(folder);
    let sender =
        Sender { client: Client::connect(url).await?, journal: Arc::new(Journal::in_folder(folder)?) };
    for (place, job) in jobs.chunks(2).enumerate() {
        let [id, payload] = job else { anyhow::bail!("an id without a payload") };
        while place != 0 && !folder.join("go").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let (id, other) = id.split_once('>').map_or((id.as_str(), None), |(id, other)| (id, Some(other)));
        let more = serde_json::json!({ "micros": 0 });
        let drawn = Drawn::new("lab.wait", id.to_owned(), serde_json::from_str(payload)?, more);
        let drawn = match other {
            Some(other) => drawn.behind([(other, OnFailure::Fail)]),
            None => drawn,
        };
        sender.send(vec![drawn]).await;
    }
    Ok(())
}
