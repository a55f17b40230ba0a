//! Several runs side by side, as tables for the docs.

use std::collections::BTreeSet;

use crate::lab::check::Report;
use crate::lab::check::report::Times;

/// Writes reports as three tables: what was promised, how often each fault came, and how long things took.
#[must_use]
pub fn tables(reports: &[Report]) -> String {
    let head = |title: &str| {
        let runs = reports.iter().map(|report| {
            let word = |name: &str| report.run.get(name).map_or("", String::as_str);
            format!("{}, seed {}", word("store"), word("seed"))
        });
        let cells: Vec<String> = runs.collect();
        format!("| {title} | {} |\n|---{}|\n", cells.join(" | "), "|---".repeat(cells.len()))
    };
    let row = |name: &str, cell: &dyn Fn(&Report) -> String| {
        let cells: Vec<String> = reports.iter().map(cell).collect();
        format!("| {name} | {} |\n", cells.join(" | "))
    };

    let mut text = head("");
    for (name, cell) in FIGURES {
        text += &row(name, cell);
    }
    let causes = names(reports, |report| report.repeats.keys());
    for cause in causes {
        let count = |report: &Report| report.repeats.get(cause).copied().unwrap_or_default().to_string();
        text += &row(&format!("given out again: {cause}"), &count);
    }

    text += &format!("\n{}", head("faults"));
    for kind in names(reports, |report| report.faults.keys()) {
        let count = |report: &Report| report.faults.get(kind).copied().unwrap_or_default().to_string();
        text += &row(kind, &count);
    }

    text += &format!("\n{}", head("p50 / p99 / longest, ms (bound)"));
    for kind in names(reports, |report| report.recoveries.keys()) {
        text += &row(&format!("consuming again after {kind}"), &|report| times(report.recoveries.get(kind)));
    }
    for signal in names(reports, |report| report.handed_over.keys()) {
        text +=
            &row(&format!("handing over after {signal}"), &|report| times(report.handed_over.get(signal)));
    }
    text + &row("delayed jobs, late by", &|report| times(Some(&report.lateness)))
}

type Figure = (&'static str, &'static dyn Fn(&Report) -> String);

const FIGURES: &[Figure] = &[
    ("jobs enqueued", &|report| report.sent.to_string()),
    ("of which acknowledged", &|report| report.acknowledged.to_string()),
    ("left out for their key", &|report| report.left_out.to_string()),
    ("slots of schedules: fired / left out", &|report| format!("{} / {}", report.slots.0, report.slots.1)),
    ("starts under limits", &|report| report.held.0.to_string()),
    ("jobs that wait for others / ended with one", &|report| {
        format!("{} / {}", report.kin.children, report.kin.ended_with)
    }),
    ("canaries beside them", &|report| report.canaries.to_string()),
    ("given up after 3 deaths: killers / others", &|report| {
        let of = |whose| report.given_up.get(whose).copied().unwrap_or_default();
        format!("{} / {}", of("killers"), of("others"))
    }),
    ("claims", &|report| report.claims.to_string()),
    ("faults", &|report| report.faults.values().sum::<usize>().to_string()),
    ("**lost**", &|report| format!("{} (95 %: ≤ {:.1e})", report.lost, report.lost_at_most)),
    ("**repeats without a cause**", &|report| report.unexplained.to_string()),
    ("**late settles carried out**", &|report| report.stale_accepted.to_string()),
    ("**early runs**", &|report| report.early.to_string()),
    ("**other violations**", &|report| {
        let said = ["I1", "I3", "I4", "I5", "I9"];
        let others = report.violations.iter().filter(|(name, _)| !said.contains(&name.as_str()));
        others.map(|(_, count)| count).sum::<usize>().to_string()
    }),
    ("late settles refused", &|report| report.stale_settles.to_string()),
    ("leases lost by living workers", &|report| report.leases_lost_alive.to_string()),
    ("longest silence of a worker, s", &|report| {
        let longest = report.longest_gap.values().copied().fold(0.0, f64::max);
        format!("{:.1}", longest / 1e3)
    }),
    ("peak of the store, MB", &|report| format!("{:.1}", report.peak.0 as f64 / 1e6)),
    ("seconds", &|report| format!("{:.0}", report.seconds)),
];

fn names<'a, I: Iterator<Item = &'a String>>(
    reports: &'a [Report],
    of: impl Fn(&'a Report) -> I,
) -> BTreeSet<&'a str> {
    reports.iter().flat_map(of).map(String::as_str).collect()
}

fn times(times: Option<&Times>) -> String {
    let Some(times) = times.filter(|times| 0 < times.count) else { return "–".to_owned() };
    let bound = times.bound.map_or_else(String::new, |bound| format!(" ({bound:.0})"));
    let mark = if times.is_within() { "" } else { " **missed**" };
    format!("{:.0} / {:.0} / {:.0}{bound}{mark}", times.p50, times.p99, times.max)
}
