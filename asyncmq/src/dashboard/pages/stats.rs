//! How much happened and how long it took, by queue and task, and the last hour as drawings.

use askama::Template;

use super::charts::{area_chart, columns, ended_chart};
use super::{Shell, page};
use crate::admin::Pattern;
use crate::dashboard::chart::Chart;
use crate::dashboard::error::Answer;
use crate::dashboard::text::{grouped, short};
use crate::dashboard::visit::Visit;
use crate::dashboard::watch::history::Sample;
use crate::dashboard::watch::tally::{Spread, TallyRow};

/// More are not shown; `/metrics` has them.
const MOST: usize = 200;

struct Row {
    link: String,
    task: String,
    queue: String,
    completed: String,
    retried: String,
    failed: String,
    other: String,
    wait: String,
    run: String,
}

#[derive(Template)]
#[template(path = "stats.html")]
struct Stats {
    shell: Shell,
    says: &'static str,
    none: &'static str,
    rows: Vec<Row>,
    figures: Vec<(&'static str, Chart, &'static str)>,
}

/// Shows them.
pub(in crate::dashboard) async fn show(visit: Visit) -> Answer {
    let watch = &visit.dashboard.watch;
    let mut tally = watch.tally().rows();
    tally.sort_by_key(|row| std::cmp::Reverse(row.outcomes.iter().sum::<u64>()));
    let samples: Vec<Sample> = watch.history().latest(720).copied().collect();
    let drawn = |of: fn(&Sample) -> f64| {
        let most = |part: &[Sample]| part.iter().map(of).fold(0.0, f64::max);
        let values: Vec<f64> = columns(&samples, 6).map(most).collect();
        area_chart(&values)
    };
    #[expect(clippy::cast_precision_loss, reason = "a drawing needs no exact count")]
    let figures = vec![
        ("Ended per 30 s", ended_chart(&samples, 6), ""),
        ("Waiting", drawn(|sample| sample.waiting as f64), "wait"),
        ("Oldest that waits, in seconds", drawn(|sample| sample.oldest), "wait"),
        ("Active", drawn(|sample| sample.active as f64), "wait"),
    ];
    page(&Stats {
        shell: Shell::new(&visit, "/stats", "Metrics"),
        says: "heard since this dashboard started",
        none: if watch.listens() {
            "Nothing was heard yet."
        } else {
            "This dashboard does not listen to events."
        },
        rows: tally.iter().take(MOST).map(|row| row_of(&visit, row)).collect(),
        figures,
    })
}

fn row_of(visit: &Visit, row: &TallyRow) -> Row {
    let [completed, failed, retried, expired, cancelled, released, stalled] = row.outcomes;
    let spread = |spread: Option<Spread>| {
        let one = |seconds: f64| {
            if seconds.is_finite() { format!("≤ {}", time(seconds)) } else { "> 1 h".into() }
        };
        spread.map_or_else(|| "–".into(), |spread| format!("{} · {}", one(spread.median), one(spread.p95)))
    };
    let query = format!("task:{}", Pattern::exactly(&row.task));
    Row {
        link: visit.link("/jobs", &[("queue", &row.queue), ("q", &query)]),
        task: row.task.clone(),
        queue: row.queue.clone(),
        completed: grouped(completed),
        retried: grouped(retried),
        failed: grouped(failed + expired),
        other: grouped(cancelled + released + stalled),
        wait: spread(row.wait),
        run: spread(row.run),
    }
}

fn time(seconds: f64) -> String {
    if seconds < 1.0 {
        format!("{} ms", seconds * 1_000.0)
    } else {
        short(std::time::Duration::from_secs_f64(seconds)).replace(".0", "")
    }
}
