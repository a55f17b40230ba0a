//! `cargo run --example word_count` — map and reduce: the words of a text, counted by as many jobs as it has sections.

use std::collections::BTreeMap;

use anyhow::Context as _;
use asyncmq::{Client, Flow, Worker, task};

type Counts = BTreeMap<String, usize>;

/// Words that say nothing about a text.
const COMMON: &[&str] = &[
    "the", "of", "and", "to", "in", "shall", "be", "or", "a", "by", "for", "any", "which", "as", "on",
    "such", "from",
];

/// Cuts a text at each heading that says `Article`, `Section` or `Amendment`.
#[task]
async fn sections(path: String) -> anyhow::Result<Vec<String>> {
    let text = tokio::fs::read_to_string(&path).await.with_context(|| format!("cannot read {path}"))?;
    let is_heading =
        |line: &str| ["Article ", "Section ", "Amendment "].iter().any(|word| line.starts_with(word));
    let mut sections = vec![String::new()];
    for line in text.lines() {
        if is_heading(line) {
            sections.push(String::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push_str(line);
            section.push('\n');
        }
    }
    Ok(sections)
}

/// The map: runs once for each section.
#[task]
async fn count_words(section: String) -> Counts {
    let mut counts = Counts::new();
    let words = section.split(|letter: char| !letter.is_alphabetic()).map(str::to_lowercase);
    for word in words.filter(|word| !word.is_empty() && !COMMON.contains(&&**word)) {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// The reduction: takes what all of those returned, in their order.
#[task]
async fn most_frequent(counts: Vec<Counts>, most: usize) -> Vec<(String, usize)> {
    let mut all = Counts::new();
    for (word, count) in counts.into_iter().flatten() {
        *all.entry(word).or_default() += count;
    }
    let mut all: Vec<_> = all.into_iter().collect();
    all.sort_by(|(one, few), (other, many)| many.cmp(few).then(one.cmp(other)));
    all.truncate(most);
    all
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let path = std::env::args().nth(1);
    let path = path.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/data/constitution.txt").into());
    let client = Client::memory();
    let worker = Worker::new(&client).concurrency(4).start().await?;

    let mut flow = Flow::new();
    let sections = flow.add(sections::job(path));
    let counts = flow.map(&sections, count_words::with);
    let top = flow.add(most_frequent::with(&counts, 10_usize));
    let flow = flow.enqueue_on(&client).await?;

    for (word, count) in flow.result(&top).await? {
        println!("{count:>4} {word}");
    }
    println!("     in {} sections", flow.result(&sections).await?.len());
    worker.stop().await?;
    Ok(())
}
