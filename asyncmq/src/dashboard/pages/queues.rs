//! All queues.

use askama::Template;

use super::rows::QueueRow;
use super::{Shell, page};
use crate::dashboard::access::Role;
use crate::dashboard::error::Answer;
use crate::dashboard::visit::Visit;

/// More are not shown on one page.
const MOST: usize = 500;

#[derive(Template)]
#[template(path = "queues.html")]
struct Queues {
    shell: Shell,
    queues: Vec<QueueRow>,
    has_actions: bool,
}

/// Lists them by name.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let queues = visit.admin().queues().await?;
    page(&Queues {
        shell: Shell::new(&visit, "/queues", "Queues"),
        queues: queues.iter().take(MOST).map(|queue| QueueRow::of(&visit, queue)).collect(),
        has_actions: Role::Operator <= visit.role(),
    })
}
