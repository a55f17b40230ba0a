//! A report as text.

use std::collections::BTreeMap;
use std::fmt;

use crate::lab::check::Report;
use crate::lab::check::kin::Kin;
use crate::lab::check::report::Times;

impl Report {
    fn write_kin(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Kin { children, ended_with, late, .. }, after) = (&self.kin, &self.kin.given_after);
        writeln!(
            f,
            "waiting     {children} jobs for others, of which {ended_with} ended with one and {late} came later; given out {:.0} ms after the last (p50), {:.0} ms (p99)",
            after.p50, after.p99
        )
    }

    fn write_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:34} {:>6} {:>9} {:>9} {:>9} {:>9}",
            "milliseconds", "count", "p50", "p99", "max", "bound"
        )?;
        for (kind, times) in &self.recoveries {
            row(f, &format!("consuming again after {kind}"), times)?;
        }
        for (signal, times) in &self.handed_over {
            row(f, &format!("handing over after {signal}"), times)?;
        }
        row(f, "delayed jobs, late by", &self.lateness)?;
        for (place, gap) in &self.longest_gap {
            writeln!(f, "{:34} {:>36.0}", format!("longest silence of worker {place}"), gap)?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<String, usize>| {
            counts.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ")
        };
        for (name, value) in &self.run {
            writeln!(f, "{name:11} {value}")?;
        }
        writeln!(
            f,
            "jobs        {} sent, {} acknowledged, {} left out for their key, {} not; {}",
            self.sent,
            self.acknowledged,
            self.left_out,
            self.unacknowledged,
            list(&self.states)
        )?;
        writeln!(f, "faults      {}: {}", self.faults.values().sum::<usize>(), list(&self.faults))?;
        writeln!(
            f,
            "claims      {}, again for: {}; {} canaries",
            self.claims,
            list(&self.repeats),
            self.canaries
        )?;
        let ((fired, left_out), (starts, most)) = (self.slots, self.held);
        writeln!(
            f,
            "schedules   {fired} slots fired, {left_out} left out for a reason; {starts} starts under limits, at most {most} at once"
        )?;
        self.write_kin(f)?;
        writeln!(f, "given up    after the deaths that are borne: {}", list(&self.given_up))?;
        writeln!(
            f,
            "lost        {} (95 %: at most {:.1e} of all), {} repeats without a cause, {} early, {} late settles accepted",
            self.lost, self.lost_at_most, self.unexplained, self.early, self.stale_accepted
        )?;
        writeln!(
            f,
            "refused     {} settles that came too late; {} leases lost by living workers",
            self.stale_settles, self.leases_lost_alive
        )?;
        writeln!(
            f,
            "store       at most {} bytes, {} keys; {:.0} s in all",
            self.peak.0, self.peak.1, self.seconds
        )?;
        self.write_times(f)?;
        match self.is_clean() {
            true => writeln!(f, "\nevery invariant held"),
            false => writeln!(f, "\nVIOLATED    {}", list(&self.violations)),
        }
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, times: &Times) -> fmt::Result {
    let bound = times.bound.map_or_else(String::new, |bound| format!("{bound:.0}"));
    let mark = if times.is_within() { "" } else { "  missed" };
    let Times { count, p50, p99, max, .. } = times;
    writeln!(f, "{name:34} {count:>6} {p50:>9.1} {p99:>9.1} {max:>9.1} {bound:>9}{mark}")
}
