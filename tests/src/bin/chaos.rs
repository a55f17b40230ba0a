//! The run of the fault laboratory: real processes on a real store, faults drawn from a seed, and a report.
//!
//! `chaos [redis|sqlite] [--seconds 60] [--seed 7] [--rate 250] [--only kill,reset] [--no-offsets] [--folder DIR] [--json FILE]`,
//! or `chaos check DIR [FILE]` to check the history of an earlier run once more (and bring its report up to date), or `chaos table FILE…` to see the reports that `--json`
//! wrote side by side. Ends with 1 if an invariant was violated.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use asyncmq_tests::lab::chaos::{Plan, run};
use asyncmq_tests::lab::check::table::tables;
use asyncmq_tests::lab::check::{Report, check, story};
use asyncmq_tests::lab::history;

struct Words {
    plan: Plan,
    json: Option<PathBuf>,
}

fn read_words() -> anyhow::Result<Words> {
    let own = std::env::current_exe()?;
    let seed = u64::from(std::process::id());
    let folder = std::env::temp_dir().join(format!("asyncmq-chaos-{seed}"));
    let mut plan = Plan {
        store: "redis".parse()?,
        seed,
        length: Duration::from_secs(60),
        rate: 250,
        only: Vec::new(),
        offsets: true,
        folder,
        programs: own.parent().context("it has a folder")?.to_owned(),
        variables: Vec::new(),
    };
    let (mut json, mut words) = (None, std::env::args().skip(1));
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value"));
        match word.as_str() {
            "--seconds" => plan.length = Duration::from_secs(value()?.parse()?),
            "--seed" => plan.seed = value()?.parse()?,
            "--rate" => plan.rate = value()?.parse()?,
            "--only" => plan.only = value()?.split(',').map(str::to_owned).collect(),
            "--no-offsets" => plan.offsets = false,
            "--folder" => plan.folder = value()?.into(),
            "--json" => json = Some(value()?.into()),
            store if !store.starts_with('-') => plan.store = store.parse()?,
            other => {
                bail!("there is no {other}: the first lines of tests/src/bin/chaos.rs say what there is")
            }
        }
    }
    Ok(Words { plan, json })
}

fn finish(report: &Report, json: Option<PathBuf>) -> anyhow::Result<()> {
    println!("\n{report}");
    if let Some(file) = json {
        std::fs::write(file, serde_json::to_string_pretty(report)?)?;
    }
    if !report.is_clean() {
        std::process::exit(1);
    }
    Ok(())
}

fn check_again() -> anyhow::Result<()> {
    let folder: PathBuf = std::env::args().nth(2).context("the folder of a history")?.into();
    let lines = history::read(&folder)?;
    let report = check(&lines);
    for violation in &report.told {
        println!("{} {}", violation.invariant, violation.what);
        if let Some(job) = &violation.job {
            println!("{}", story(&lines, job));
        }
    }
    let Some(file) = std::env::args().nth(3).map(PathBuf::from) else { return finish(&report, None) };
    // What was run is not in the history.
    let run = serde_json::from_slice::<Report>(&std::fs::read(&file)?)?.run;
    finish(&Report { run, ..report }, Some(file))
}

fn show_side_by_side() -> anyhow::Result<()> {
    let read = |file: String| -> anyhow::Result<Report> {
        let text = std::fs::read(&file).with_context(|| file.clone())?;
        serde_json::from_slice(&text).with_context(|| format!("{file} is not a report"))
    };
    let reports = std::env::args().skip(2).map(read).collect::<anyhow::Result<Vec<Report>>>()?;
    print!("{}", tables(&reports));
    Ok(())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("check") => return check_again(),
        Some("table") => return show_side_by_side(),
        _ => {}
    }
    let Words { plan, json } = read_words()?;
    println!(
        "seed {}, {:?} for {:?}; history in {}",
        plan.seed,
        plan.store,
        plan.length,
        plan.folder.display()
    );
    let report = run(&plan, |line| println!("{line}")).await?;
    finish(&report, json)
}
