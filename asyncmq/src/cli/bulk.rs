//! Orders about jobs, one or many: shown first, confirmed, carried out with a bar, and stopped by Ctrl-C in order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Command};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::flags::{dry_run, leaf, query_help, switch, text, texts, value, yes};
use super::out::object;
use super::out::text::{clean, many};
use super::session::Session;
use super::{Ended, confirm, job};
use crate::admin::view::JobView;
use crate::admin::{Order, Query};
use crate::error::{Error, Result};

/// How many of the jobs are shown before.
pub(super) const SAMPLE: usize = 5;

/// Describes an order's command.
pub(super) fn command(name: &'static str, about: &'static str) -> Command {
    let ids = Arg::new("ID").num_args(0..).value_parser(ValueParser::string()).help("Jobs by their ids");
    leaf(name, about)
        .arg(ids)
        .arg(value("queue", "QUEUE", "The queue of these jobs, where an id is in several"))
        .arg(value("query", "QUERY", "All jobs that a query means, in place of ids").conflicts_with("ID"))
        .arg(switch("all", "All jobs that the order reaches").conflicts_with_all(["ID", "query"]))
        .args([yes(), dry_run()])
        .after_help(query_help())
}

/// Which jobs an order is about.
pub(super) enum Target {
    /// By their ids, in a queue if one is said; others than those of the query are refused.
    Ids(Vec<String>, Option<String>, Query),
    Query(Query),
}

impl Target {
    /// Reads it; the query means only what is in `among` too.
    pub(super) fn of(flags: &ArgMatches, among: Query) -> Result<Self> {
        let queue = text(flags, "queue").map(ToOwned::to_owned);
        let ids = texts(flags, "ID");
        if !ids.is_empty() {
            return Ok(Self::Ids(ids.into_iter().map(ToOwned::to_owned).collect(), queue, among));
        }
        let query = match text(flags, "query") {
            Some(query) => query.parse()?,
            None if flags.get_flag("all") || queue.is_some() => Query::all(),
            None => {
                return Err(Error::Invalid(
                    "which jobs? Give their ids, --query 'state:failed …', --queue NAME or --all".into(),
                ));
            }
        };
        let query = among.and(query);
        Ok(Self::Query(match queue {
            Some(queue) => query.in_queue(&queue),
            None => query,
        }))
    }
}

/// Carries an order out.
pub(super) async fn run(
    session: &Session,
    order: &Order,
    target: Target,
    flags: &ArgMatches,
) -> Result<Ended> {
    match target {
        Target::Ids(ids, queue, among) => {
            let (ids, refused) = told_apart(session, ids, queue.as_deref(), &among).await?;
            by_id(session, order, (&ids, queue.as_deref(), refused), flags).await
        }
        Target::Query(query) => by_query(session, order, &query, flags).await,
    }
}

/// Tells the ids of jobs that the command is about from those of others, each of these with a reason.
async fn told_apart(
    session: &Session,
    ids: Vec<String>,
    queue: Option<&str>,
    among: &Query,
) -> Result<(Vec<String>, Vec<(String, String)>)> {
    let (mut meant, mut refused) = (Vec::new(), Vec::new());
    for id in ids {
        if among.is_all() {
            meant.push(id);
            continue;
        }
        match session.admin.job(&id, queue).await {
            Ok(job) if among.states().contains(&job.state()) => meant.push(id),
            Ok(job) => refused.push((id, format!("job {} is {}: no dead letter", job.id(), job.state()))),
            Err(error @ Error::NotFound { .. }) => refused.push((id, error.to_string())),
            Err(error) => return Err(error),
        }
    }
    Ok((meant, refused))
}

async fn by_id(
    session: &Session,
    order: &Order,
    (ids, queue, mut refused): (&[String], Option<&str>, Vec<(String, String)>),
    flags: &ArgMatches,
) -> Result<Ended> {
    let before = refused.len();
    let must_ask = *order == Order::Remove && !flags.get_flag("yes") && !ids.is_empty();
    if must_ask || flags.get_flag("dry-run") {
        let mut jobs = Vec::new();
        for id in ids {
            jobs.push(session.admin.job(id, queue).await?);
        }
        if flags.get_flag("dry-run") && session.out.json {
            let sample: Vec<JobView> = jobs.iter().map(Into::into).collect();
            session.out.json(&object!({ order: order.verb(), query: None::<String>, would_change: jobs.len(), sample: sample }))?;
            return Ok(Ended::Done);
        }
        session.out.table(&job::table(&jobs))?;
        if flags.get_flag("dry-run") {
            return Ok(Ended::Done);
        }
        eprintln!("This would {} {}.", order.verb(), many(jobs.len() as u64, "job"));
        if !confirm::ask(&jobs.len().to_string())? {
            return Ok(confirm::not_confirmed());
        }
    }
    for id in ids {
        if let Err(error) = session.admin.order(order, id, queue).await {
            match error {
                Error::NotFound { .. } | Error::IllegalMove { .. } => {
                    refused.push((id.clone(), error.to_string()))
                }
                other => return Err(other),
            }
        }
    }
    let changed = ids.len() + before - refused.len();
    if session.out.json {
        let refused: Vec<_> =
            refused.iter().map(|(id, reason)| object!({ id: id, reason: reason })).collect();
        session.out.json(
            &object!({ order: order.verb(), changed: changed, refused: refused.len(), reasons: refused }),
        )?;
    } else {
        for (_, reason) in &refused {
            eprintln!("{}", clean(reason));
        }
        session.out.line(&format!("{} {}", past(order), many(changed as u64, "job")))?;
    }
    Ok(if refused.is_empty() { Ended::Done } else { Ended::No })
}

async fn by_query(session: &Session, order: &Order, query: &Query, flags: &ArgMatches) -> Result<Ended> {
    let is_trial = flags.get_flag("dry-run");
    if is_trial || !flags.get_flag("yes") {
        let bar = spinner(session.out.json);
        let looked = |looked| bar.set_message(format!("{looked} looked at"));
        let preview = session.admin.preview_telling(order, query, SAMPLE, looked).await?;
        bar.finish_and_clear();
        if is_trial && session.out.json {
            let sample: Vec<JobView> = preview.sample.iter().map(Into::into).collect();
            let query = query.to_string();
            let body =
                object!({ order: order.verb(), query: query, would_change: preview.count, sample: sample });
            session.out.json(&body)?;
            return Ok(Ended::Done);
        }
        if preview.count == 0 {
            session.out.note(&format!("No job is like that and could be {}.", past(order)));
            return Ok(Ended::Done);
        }
        if !session.out.json {
            session.out.table(&job::table(&preview.sample))?;
        }
        let shown = preview.sample.len() as u64;
        let rest = if shown < preview.count {
            format!(", of which the first {shown} are shown")
        } else {
            String::new()
        };
        let says = format!("This would {} {}{rest}.", order.verb(), many(preview.count, "job"));
        if is_trial {
            session.out.line(&says)?;
            return Ok(Ended::Done);
        }
        eprintln!("{says}");
        if !confirm::ask(&preview.count.to_string())? {
            return Ok(confirm::not_confirmed());
        }
    }
    carry_out(session, order, query).await
}

async fn carry_out(session: &Session, order: &Order, query: &Query) -> Result<Ended> {
    let (stop, bar) = (Arc::new(AtomicBool::new(false)), bar(session.out.json, template));
    let (flag, shown) = (stop.clone(), bar.clone());
    let work = session.admin.carry_out(order, query).stop_when(stop).on_progress(move |progress| {
        shown.set_length(progress.at_most.max(progress.looked));
        shown.set_position(progress.looked);
        shown.set_message(progress.changed.to_string());
    });
    let listening = tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    let report = work.await;
    listening.abort();
    bar.finish_and_clear();
    let report = report?;
    if session.out.json {
        let query = query.to_string();
        let body = object!({ order: order.verb(), query: query, changed: report.changed, refused: report.refused,
                           stopped: report.stopped });
        session.out.json(&body)?;
    } else {
        session.out.line(&format!("{} {}", past(order), many(report.changed, "job")))?;
        if report.refused != 0 {
            eprintln!(
                "{} stood elsewhere by the time that the order reached them.",
                many(report.refused, "job")
            );
        }
        if report.stopped {
            eprintln!("Stopped before the end: the same command goes on with the rest.");
        }
    }
    Ok(if report.stopped { Ended::No } else { Ended::Done })
}

const fn past(order: &Order) -> &'static str {
    match order {
        Order::Retry => "retried",
        Order::Cancel { .. } => "cancelled",
        Order::Remove => "removed",
        Order::Promote => "promoted",
    }
}

/// A bar on standard error, if that is a terminal, with what fits into its columns.
pub(super) fn bar(is_json: bool, template: fn(u16) -> &'static str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), target(is_json));
    let columns = console::Term::stderr().size_checked().map_or(80, |(_, columns)| columns);
    let style = ProgressStyle::with_template(template(columns));
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// Returns what fits into so many columns: a line that is broken cannot be drawn over.
const fn template(columns: u16) -> &'static str {
    match columns {
        75.. => "{wide_bar} {pos}/{len} looked at, {msg} changed, {eta} left",
        50.. => "{pos}/{len} looked at, {msg} changed",
        _ => "{percent}%, {msg} changed",
    }
}

/// The same where the end is not known.
pub(super) fn spinner(is_json: bool) -> ProgressBar {
    ProgressBar::with_draw_target(None, target(is_json))
}

fn target(is_json: bool) -> ProgressDrawTarget {
    if is_json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() }
}
