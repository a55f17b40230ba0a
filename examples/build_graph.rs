//! `cargo run --example build_graph` — a build: each package of this workspace's `Cargo.lock` is "compiled" once those that it depends on are.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use asyncmq::{Client, Flow, FlowState, Node, Worker, task};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// Each by its name, with its version where there are several.
    #[serde(default)]
    dependencies: Vec<String>,
}

/// What compiling a package gives.
#[derive(Serialize, Deserialize)]
struct Artifact {
    package: String,
    /// How many packages stand below each other, down to this one.
    depth: usize,
}

/// Takes what its dependencies gave. Longer names take longer.
#[task]
async fn compile(package: String, dependencies: Vec<Artifact>) -> Artifact {
    tokio::time::sleep(Duration::from_millis(package.len() as u64)).await;
    let depth = dependencies.iter().map(|artifact| artifact.depth).max().unwrap_or_default() + 1;
    Artifact { package, depth }
}

#[task]
async fn announce(packages: usize) {
    println!("all {packages} packages are there");
}

/// Adds a package behind its dependencies, if it is not there yet.
fn add(
    flow: &mut Flow,
    lock: &BTreeMap<String, &Package>,
    nodes: &mut BTreeMap<String, Node<Artifact>>,
    name: &str,
) -> anyhow::Result<Node<Artifact>> {
    let name = name.split(" (").next().unwrap_or(name);
    if let Some(known) = nodes.get(name) {
        return Ok(known.clone());
    }
    let package = lock.get(name).with_context(|| format!("{name} is not in Cargo.lock"))?;
    let below: Vec<_> =
        package.dependencies.iter().map(|name| add(flow, lock, nodes, name)).collect::<Result<_, _>>()?;
    let node = flow.add(compile::with(name, &below));
    nodes.insert(name.to_owned(), node.clone());
    Ok(node)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let text = include_str!("../Cargo.lock");
    let read: Lock = toml::from_str(text)?;
    let mut lock = BTreeMap::new();
    for package in &read.package {
        lock.insert(package.name.clone(), package);
        lock.insert(format!("{} {}", package.name, package.version), package);
    }
    let client = Client::memory();
    let worker = Worker::new(&client).concurrency(8).start().await?;

    let (mut flow, mut nodes) = (Flow::with_id("build"), BTreeMap::new());
    let top = add(&mut flow, &lock, &mut nodes, "asyncmq-examples")?;
    flow.on_success(announce::job(nodes.len()));
    let start = Instant::now();
    let flow = flow.enqueue_on(&client).await?;

    let artifact = flow.result(&top).await?;
    println!("{}: {} packages deep, {:?}", artifact.package, artifact.depth, start.elapsed());
    let graph = flow.wait().await?;
    anyhow::ensure!(graph.state == FlowState::Completed, "some did not compile: {graph:?}");
    worker.stop().await?;
    Ok(())
}
