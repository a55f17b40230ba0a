//! Enqueues jobs and writes down what became of that.

use std::sync::Arc;

use asyncmq::{Client, Error};

use crate::lab::event::Event;
use crate::lab::journal::Journal;
use crate::lab::load::Drawn;

/// A client and a journal.
#[derive(Clone)]
pub struct Sender {
    /// Who enqueues.
    pub client: Client,
    /// Where it is written down.
    pub journal: Arc<Journal>,
}

impl Sender {
    /// Enqueues jobs in one call. Returns whether they were acknowledged.
    pub async fn send(&self, drawn: Vec<Drawn>) -> bool {
        let began = self.journal.now();
        let (mut jobs, mut names) = (Vec::with_capacity(drawn.len()), Vec::with_capacity(drawn.len()));
        for Drawn { job, sent } in drawn {
            names.push((sent.queue.clone(), sent.job.clone()));
            self.journal.note(Event::Send(sent));
            jobs.push(job);
        }
        let answer = self.client.enqueue_all(jobs).await;
        // What the store keeps is known by the handles' ids, whatever was asked for.
        let acknowledged: Vec<(String, String)> = match &answer {
            Ok(handles) => {
                let named =
                    |handle: &asyncmq::JobHandle| (handle.queue().to_owned(), handle.id().to_string());
                handles.iter().map(named).collect()
            }
            Err(_) => Vec::new(),
        };
        for ((queue, job), (_, owner)) in names.iter().zip(&acknowledged).filter(|(own, met)| own != met) {
            let (queue, job, owner) = (queue.clone(), job.clone(), owner.clone());
            self.journal.note(Event::LeftOut { queue, job, owner });
        }
        for (queue, job) in acknowledged {
            self.journal.note(Event::Acknowledged { queue, job, began });
        }
        if let Err(error) = &answer {
            for (queue, job) in names {
                self.journal.note(match error {
                    Error::Unconfirmed { .. } => Event::Unknown { queue, job },
                    error => Event::Refused { queue, job, error: error.to_string() },
                });
            }
        }
        answer.is_ok()
    }

    /// Orders something of a job, and writes down whether it was carried out.
    pub async fn order(&self, order: &str, queue: &str, job: &str) {
        let named = (order.to_owned(), queue.to_owned(), job.to_owned());
        let (order, queue, job) = named.clone();
        self.journal.note(Event::Ordering { order, queue, job });
        let of = self.client.queue(&named.1);
        let answer = match named.0.as_str() {
            "pause" => of.pause().await.map(|_| true),
            "resume" => of.resume().await.map(|_| true),
            "cancel" => of.cancel_job(&named.2).await,
            "retry" => of.retry_job(&named.2).await.map(|()| true),
            _ => of.remove_job(&named.2).await.map(|()| true),
        };
        let (order, queue, job) = named;
        match answer {
            Ok(done) => self.journal.note(Event::Ordered { order, queue, job, done }),
            Err(Error::IllegalMove { .. } | Error::NotFound { .. }) => {
                self.journal.note(Event::Ordered { order, queue, job, done: false });
            }
            // It may have been carried out.
            Err(_) => {}
        }
    }
}
