//! What queues and their tasks are held to, how much of it is in use, and what is ordered about it.

use askama::Template;

use super::{Shell, done, page};
use crate::admin::words::read_limit;
use crate::admin::{LimitUse, standing_in_words};
use crate::dashboard::access::Role;
use crate::dashboard::error::{Answer, Refusal};
use crate::dashboard::text::{many, visible};
use crate::dashboard::visit::{Fields, Params, Visit};
use crate::job::{Limit, LimitScope, Name, OnLimit};

/// Of more queues than this the limits are not listed on one page.
const MOST: usize = 500;

/// A limit in a list.
pub(super) struct LimitRow {
    pub(super) queue: String,
    pub(super) queue_link: String,
    /// `queue`, or the task's name.
    pub(super) what: String,
    pub(super) limit: String,
    pub(super) is_ordered: bool,
    pub(super) in_use: String,
    /// Whether nothing may start.
    pub(super) is_full: bool,
    pub(super) declared: String,
    pub(super) edit_link: String,
}

impl LimitRow {
    fn of(visit: &Visit, queue: &str, used: &LimitUse) -> Self {
        let info = &used.info;
        let task = task_of(&info.scope);
        Self {
            queue: queue.to_owned(),
            queue_link: visit.link("/limits", &[("queue", queue)]),
            what: info.scope.to_string(),
            limit: info.limit().to_string(),
            is_ordered: info.ordered.is_some(),
            in_use: used.in_words(),
            is_full: used.is_full(),
            declared: info.declared.map_or_else(|| "–".into(), |limit| limit.to_string()),
            edit_link: visit.link("/limits/edit", &[("queue", queue), ("task", task)]),
        }
    }
}

fn task_of(scope: &LimitScope) -> &str {
    match scope {
        LimitScope::Queue => "",
        LimitScope::Task(task) => task,
    }
}

/// The limits of queues as a part of a page.
pub(super) struct Limits {
    pub(super) rows: Vec<LimitRow>,
    /// How many keys wait, if any do.
    pub(super) parked: Option<String>,
    pub(super) can_operate: bool,
}

impl Limits {
    /// Looks at those of these queues.
    pub(super) async fn of(visit: &Visit, queues: &[&str]) -> Result<Self, Refusal> {
        let (admin, mut workers) = (visit.admin(), None);
        let (mut rows, mut parked) = (Vec::new(), 0);
        for queue in queues {
            let limits = admin.limits(queue).await?;
            if limits.is_empty() {
                continue;
            }
            let workers = match &mut workers {
                Some(workers) => workers,
                none => none.insert(admin.workers().await?),
            };
            let held = admin.used(queue, limits, workers).await?;
            rows.extend(held.limits.iter().map(|used| LimitRow::of(visit, queue, used)));
            parked += held.parked_keys;
        }
        let parked = (parked != 0).then(|| match parked {
            1 => "1 key waits for a permit or a token".into(),
            _ => format!("{} wait for a permit or a token", many(parked, "key")),
        });
        Ok(Self { rows, parked, can_operate: Role::Operator <= visit.role() })
    }
}

#[derive(Template)]
#[template(path = "limits.html")]
struct LimitsPage {
    shell: Shell,
    queue: String,
    limits: Limits,
    new_link: String,
    task: String,
    key: String,
    /// How a key stands that was asked for.
    stands: Vec<String>,
}

/// Lists them: those of a queue, or of all.
pub(in crate::dashboard) async fn list(visit: Visit) -> Answer {
    let queue = visit.query.get("queue");
    let all = match queue {
        Some(_) => Vec::new(),
        None => visit.admin().client().queues().await?,
    };
    let queues: Vec<&str> = match queue {
        Some(queue) => vec![queue],
        None => all.iter().take(MOST).map(|queue| queue.as_str()).collect(),
    };
    let queue = queue.unwrap_or_default().to_owned();
    let text = |name| visit.query.get(name).unwrap_or_default().to_owned();
    page(&LimitsPage {
        shell: Shell::new(&visit, "/limits", "Limits"),
        limits: Limits::of(&visit, &queues).await?,
        new_link: visit.link("/limits/edit", &[("queue", &queue)]),
        stands: key_stands(&visit).await?,
        task: text("task"),
        key: text("key"),
        queue,
    })
}

async fn key_stands(visit: &Visit) -> Result<Vec<String>, Refusal> {
    let asked = ["queue", "task", "key"].map(|name| visit.query.get(name));
    let [Some(queue), Some(task), Some(key)] = asked else { return Ok(Vec::new()) };
    let (standings, now) = visit.admin().key_stands((queue, task, key)).await?;
    if standings.is_empty() {
        return Ok(vec![format!("No limit holds for the task {}.", visible(task))]);
    }
    let says = |standing: &crate::backend::LimitStanding| match &standing.key {
        Some(key) => format!("key {}: {}", visible(key), standing_in_words(standing, now)),
        None => format!("{}: {}", visible(&standing.scope.to_string()), standing_in_words(standing, now)),
    };
    Ok(standings.iter().map(says).collect())
}

#[derive(Template)]
#[template(path = "limit_form.html")]
struct Form {
    shell: Shell,
    queue: String,
    task: String,
    /// Whether the form says of which task.
    is_known: bool,
    rate: String,
    concurrency: String,
    /// What may become of a job that meets the limit, each with its name and whether it is what somebody ordered.
    policies: Vec<(&'static str, bool)>,
    says: String,
    tasks: Vec<String>,
    back: String,
}

/// Shows the form of a limit: of a task, of the queue, or with the choice open.
pub(in crate::dashboard) async fn edit(visit: Visit) -> Answer {
    let queue = visit.query.must("queue")?;
    let (scope, held) = (scope_of(&visit.query)?, visit.admin().limits_in_use(queue).await?);
    let used = held.limits.iter().find(|used| used.info.scope == scope);
    let limit = used.map_or(Limit::NONE, |used| used.info.limit());
    let tasks = visit.admin().tasks().await?;
    let ordered = used.and_then(|used| used.info.ordered).and_then(|limit| limit.on_limit);
    page(&Form {
        shell: Shell::new(&visit, "/limits", format!("Limit of {queue}")).still(),
        queue: queue.to_owned(),
        task: task_of(&scope).to_owned(),
        is_known: used.is_some() || visit.query.get("task").is_some(),
        rate: limit.rate_limit().map(|rate| rate.to_string()).unwrap_or_default(),
        concurrency: limit.concurrency_limit().map(|most| most.to_string()).unwrap_or_default(),
        policies: OnLimit::ALL.iter().map(|policy| (policy.name(), ordered == Some(*policy))).collect(),
        says: used.map_or_else(
            || "It is held to nothing.".into(),
            |used| {
                let declared = used.info.declared.map_or_else(|| "nothing".into(), |limit| limit.to_string());
                format!("In force: {} ({}). The code says {declared}.", limit, used.in_words())
            },
        ),
        tasks: tasks.iter().map(|task| task.info.name.to_string()).collect(),
        back: visit.link("/limits", &[("queue", queue)]),
    })
}

fn scope_of(params: &Params) -> Result<LimitScope, Refusal> {
    match params.get("task") {
        Some(task) => Ok(LimitScope::Task(Name::task(task)?)),
        None => Ok(LimitScope::Queue),
    }
}

/// Sets one, says that there is none, or takes back what was said.
pub(in crate::dashboard) async fn set(visit: Visit, Fields(fields): Fields) -> Answer {
    let (queue, scope) = (fields.must("queue")?.to_owned(), scope_of(&fields)?);
    let limit = match fields.must("what")? {
        "set" => Some(some_limit(read_limit(|name| fields.get(name), "")?)?),
        "off" => Some(Limit::NONE),
        "reset" => None,
        other => {
            let shown: String = other.chars().take(40).collect();
            return Err(Refusal::bad(format!("{shown:?} cannot be ordered; set, off and reset can")));
        }
    };
    let (name, word) = (queue.clone(), if limit.is_some() { "limited" } else { "limit-reset" });
    let changed = visit.order(|admin| async move { admin.set_limit(&name, scope, limit).await }).await?;
    Ok(done(&visit, ("/limits", &[("queue", &queue)]), if changed { word } else { "unchanged" }))
}

/// Refuses a limit of nothing: who wants none has to say so.
pub(in crate::dashboard) fn some_limit(limit: Limit) -> Result<Limit, Refusal> {
    match limit.is_none() {
        true => {
            Err(Refusal::bad("say a rate (100/1s), how many run at once, or both; \"off\" means no limit"))
        }
        false => Ok(limit),
    }
}
