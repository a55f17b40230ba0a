//! The `asyncmq` command: looks into a store, steers it, and measures it. It links no tasks, so it is no worker.

mod bench;

use std::process::ExitCode;

use asyncmq::cli::Cli;

fn main() -> ExitCode {
    Cli::without_tasks().command(bench::command(), bench::run).main()
}
