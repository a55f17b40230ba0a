//! Orders about many jobs: shown first with their number and a sample, then carried out, and followed to their end.

use std::time::Duration;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect};
use tokio::time::timeout;

use super::clear::{SAMPLE, SOON};
use super::jobs::Choice;
use super::rows::JobRow;
use super::{Shell, done, page};
use crate::admin::{Order, Preview, Query};
use crate::dashboard::access::Role;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::runs::{Run, Stage};
use crate::dashboard::text::{grouped, many};
use crate::dashboard::visit::{Fields, Visit};

/// And so long it may take then.
const PATIENCE: Duration = Duration::from_secs(60);
/// Of more jobs than these, the number has to be typed.
const MANY: u64 = 1_000;
/// An order that ends so soon is shown when it has ended.
const MOMENT: Duration = Duration::from_millis(300);

#[derive(Template)]
#[template(path = "bulk.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is a part of the page that is there or not")]
struct BulkPage {
    shell: Shell,
    heading: String,
    says: String,
    order: &'static str,
    query: String,
    is_all: bool,
    count: u64,
    can_go: bool,
    must_type: bool,
    button: String,
    exact_link: Option<String>,
    back: String,
    jobs: Vec<JobRow>,
    can_pick: bool,
    none: &'static str,
}

#[derive(Template)]
#[template(path = "run.html")]
struct RunPage {
    shell: Shell,
    heading: String,
    says: String,
    query: String,
    is_working: bool,
    looked: u64,
    at_most: u64,
    number: u64,
    list_link: String,
}

/// Reads an order, and refuses it to those who may not.
pub(in crate::dashboard) fn order_of(
    visit: &Visit,
    verb: &str,
    reason: Option<&str>,
) -> Result<Order, Refusal> {
    let reason = reason.map(|reason| reason.chars().take(500).collect());
    match verb {
        "retry" => Ok(Order::Retry),
        "cancel" => Ok(Order::Cancel { reason }),
        "promote" => Ok(Order::Promote),
        "remove" => visit.needs(Role::Admin).map(|()| Order::Remove),
        other => {
            Err(Refusal::bad(format!("{other:?} cannot be ordered; retry, cancel, promote and remove can")))
        }
    }
}

/// Shows what an order would do.
pub(in crate::dashboard) async fn preview(visit: Visit) -> Answer {
    let order = order_of(&visit, visit.query.must("order")?, None)?;
    let query = meant(&visit)?;
    let patience = if visit.query.is_set("exact") { PATIENCE } else { SOON };
    let preview = match timeout(patience, visit.admin().preview(&order, &query, SAMPLE)).await {
        Ok(preview) => Some(preview?),
        Err(_) => None,
    };
    show(&visit, (&order, &query), preview, "").await
}

/// Shows what an order would do, behind what else there is to say.
async fn show(
    visit: &Visit,
    (order, query): (&Order, &Query),
    preview: Option<Preview>,
    before: &str,
) -> Answer {
    let admin = visit.admin();
    let back = visit.link("/jobs", &[("q", &query.to_string())]);
    let (verb, text) = (order.verb(), query.to_string());
    let jobs = match &preview {
        Some(Preview { sample, .. }) => JobRow::list(visit, sample),
        None => JobRow::list(
            visit,
            &admin.jobs(&query.clone().in_states(order.reaches()), None, SAMPLE).await?.jobs,
        ),
    };
    let count = preview.as_ref().map_or(0, |preview| preview.count);
    let says = match &preview {
        Some(_) => format!("{before}This would {verb} {}.", many(count, "job")),
        None => {
            let most = admin.count_at_most(query).await?;
            format!("How many jobs this would {verb} is not known yet: {} at most.", grouped(most))
        }
    };
    page(&BulkPage {
        shell: Shell::new(visit, "/jobs", format!("{verb} jobs")).still(),
        heading: format!("{} these jobs?", capital(verb)),
        says,
        order: verb,
        count,
        can_go: count != 0,
        must_type: must_type(order, count),
        is_all: query.is_all(),
        button: format!("{} {}", capital(verb), many(count, "job")),
        exact_link: preview.is_none().then(|| exact_link(visit, verb, &text)),
        query: text,
        back,
        jobs,
        can_pick: false,
        none: "None of them can be changed so.",
    })
}

fn exact_link(visit: &Visit, verb: &str, query: &str) -> String {
    visit.link("/bulk", &[("order", verb), ("q", query), ("exact", "1")])
}

/// Which jobs: those that were picked, or all of the list.
fn meant(visit: &Visit) -> Result<Query, Refusal> {
    let picked: Vec<&str> = visit.query.all("id").collect();
    let query = Choice::of(visit)?.query?;
    Ok(if picked.is_empty() { query } else { query.of_ids(picked) })
}

fn must_type(order: &Order, count: u64) -> bool {
    *order == Order::Remove || MANY < count
}

/// Carries it out, if it reaches no more jobs than were shown.
pub(in crate::dashboard) async fn carry_out(visit: Visit, Fields(fields): Fields) -> Answer {
    let order = order_of(&visit, fields.must("order")?, fields.get("reason"))?;
    let (query, typed) = (fields.jobs("query")?, fields.must("count")?);
    if query.is_all() && !fields.is_set("all") {
        return Err(Refusal::bad("nothing says which jobs are meant, so nothing was changed"));
    }
    let unread = |_| Refusal::bad("how many jobs were shown is no number, so nothing was changed");
    let confirmed: u64 = typed.parse().map_err(unread)?;
    if must_type(&order, confirmed) && fields.get("confirm") != Some(typed) {
        return Err(Refusal::bad("the number was not typed, so nothing was changed"));
    }
    let slow = |_| Refusal::busy("counting these jobs again took too long, so nothing was changed");
    let now = timeout(PATIENCE, visit.admin().preview(&order, &query, SAMPLE)).await.map_err(slow)??;
    if confirmed < now.count {
        let says =
            format!("These are more than the {confirmed} that were confirmed, so nothing was changed. ");
        let mut page = show(&visit, (&order, &query), Some(now), &says).await?;
        *page.status_mut() = StatusCode::CONFLICT;
        return Ok(page);
    }
    let who = visit.visitor.user.name.as_str();
    let run = visit.dashboard.runs.begin(&visit.admin(), (&order, &query), (who, &visit.dashboard.watch))?;
    let _ = timeout(MOMENT, run.ended()).await;
    Ok(Redirect::to(&visit.link("/bulk/run", &[("n", &run.number.to_string())])).into_response())
}

fn find(visit: &Visit, number: &str) -> Result<std::sync::Arc<Run>, Refusal> {
    let run = number.parse().ok().and_then(|number| visit.dashboard.runs.find(number));
    run.ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            "this order is not known any more; the audit has what became of it",
        )
    })
}

/// Shows how far an order is.
pub(in crate::dashboard) async fn run(visit: Visit) -> Answer {
    let run = find(&visit, visit.query.must("n")?)?;
    let verb = run.order.verb();
    let (says, far) = match run.stage() {
        Stage::Working(far) => (
            format!(
                "{} of at most {} looked at, {} changed",
                grouped(far.looked),
                grouped(far.at_most),
                grouped(far.changed)
            ),
            Some(far),
        ),
        Stage::Done(report) => {
            let refused = if report.refused == 0 {
                String::new()
            } else {
                format!(", {} stood elsewhere by then", grouped(report.refused))
            };
            let stopped = if report.stopped { "; stopped before the end" } else { "" };
            (format!("{} changed{refused}{stopped}.", many(report.changed, "job")), None)
        }
        Stage::Failed(error) => (format!("It could not be carried out to its end: {error}"), None),
    };
    let query = run.query.to_string();
    page(&RunPage {
        shell: Shell::new(&visit, "/jobs", format!("{verb} jobs")),
        heading: match &far {
            Some(_) => format!("{} is under way", capital(verb)),
            None => format!("{}: done", capital(verb)),
        },
        says,
        is_working: far.is_some(),
        looked: far.map_or(0, |far| far.looked),
        at_most: far.map_or(1, |far| far.at_most.max(far.looked).max(1)),
        number: run.number,
        list_link: visit.link("/jobs", &[("q", &query)]),
        query,
    })
}

/// Ends one after the step that is under way.
pub(in crate::dashboard) async fn stop(visit: Visit, Fields(fields): Fields) -> Answer {
    let number = fields.must("n")?;
    find(&visit, number)?.stop();
    Ok(done(&visit, ("/bulk/run", &[("n", number)]), "stopped"))
}

fn capital(verb: &str) -> String {
    let (first, rest) = verb.split_at(1);
    first.to_uppercase() + rest
}
