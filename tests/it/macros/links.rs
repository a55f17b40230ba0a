//! Tasks are found at link time, wherever they are; what is missing or doubled is said at start-up.
//!
//! The programs are built from a copy of `fixtures/links` below the target directory.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Returns the root of the repository.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is below the root").to_owned()
}

/// Returns the copy of the programs' workspace, written at first use.
fn workspace() -> &'static Path {
    static WORKSPACE: OnceLock<PathBuf> = OnceLock::new();
    WORKSPACE.get_or_init(|| {
        let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("links");
        let project = project();
        copy_into(&project.join("tests/fixtures/links"), &copy, &project.display().to_string())
            .expect("the programs can be copied");
        std::fs::copy(project.join("Cargo.lock"), copy.join("Cargo.lock"))
            .expect("the lock file can be copied");
        copy
    })
}

fn copy_into(from: &Path, to: &Path, project: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_into(&from, &to, project)?;
            continue;
        }
        let text = std::fs::read_to_string(&from)?.replace("@PROJECT@", project);
        // An unchanged file keeps its time, so that cargo has nothing to do.
        if std::fs::read_to_string(&to).ok().as_ref() != Some(&text) {
            std::fs::write(&to, text)?;
        }
    }
    Ok(())
}

/// Builds a program and runs it. One at a time: cargo has the whole machine.
fn run(package: &str, profile: &str) -> Output {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(workspace()).args([
        "run",
        "--offline",
        "--quiet",
        "--profile",
        profile,
        "--package",
        package,
    ]);
    cargo.args(["--bin", package]).env("CARGO_TARGET_DIR", workspace().join("target"));
    for inherited in ["ASYNCMQ_URL", "RUSTFLAGS"] {
        cargo.env_remove(inherited);
    }
    cargo.output().expect("cargo is there")
}

#[track_caller]
fn printed(output: &Output) -> Vec<&str> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::str::from_utf8(&output.stdout).expect("it prints text").lines().collect()
}

/// Returns what a program says that must not start.
#[track_caller]
fn complaint(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    std::str::from_utf8(&output.stderr).expect("it prints text")
}

const TASKS_OF_THE_LIBRARY: [&str; 5] =
    ["at_the_root", "in_a_function", "in_a_nested_module", "in_a_private_module", "in_a_public_module"];

#[test]
fn tasks_of_a_library_are_found() {
    let output = run("app", "dev");
    let lines = printed(&output);
    assert_eq!(lines[..5], TASKS_OF_THE_LIBRARY);
    assert_eq!(lines[5..], ["\"hello Ann\""]);
}

/// The profile in which a linker drops the most.
#[test]
fn tasks_of_a_library_are_found_after_fat_link_time_optimisation() {
    let output = run("app", "fat");
    let lines = printed(&output);
    assert_eq!(lines[..5], TASKS_OF_THE_LIBRARY);
    assert_eq!(lines[5..], ["\"hello Ann\""]);
}

#[test]
fn a_library_that_is_never_named_is_not_linked_and_the_message_says_so() {
    let output = run("unnamed", "dev");
    let complaint = complaint(&output);
    assert!(complaint.contains("no task is linked into this binary"), "{complaint}");
    assert!(complaint.contains("use your_crate as _;"), "{complaint}");
}

#[test]
fn two_tasks_of_one_name_are_named_with_both_places() {
    let output = run("same_name", "dev");
    let complaint = complaint(&output);
    assert!(complaint.contains("two tasks are called \"at_the_root\""), "{complaint}");
    assert!(complaint.contains("library/src/lib.rs:3 (package library)"), "{complaint}");
    assert!(complaint.contains("same_name/src/main.rs:6 (package same_name)"), "{complaint}");
    assert!(complaint.contains("#[task(name = \"…\")]"), "{complaint}");
}

#[test]
fn a_file_in_two_crates_is_said_to_be_that() {
    let output = run("doubled", "dev");
    let complaint = complaint(&output);
    assert!(complaint.contains("\"compiled_twice\" at doubled/src/tasks.rs:3"), "{complaint}");
    assert!(complaint.contains("compiled into two crates"), "{complaint}");
}

#[test]
fn older_editions_and_another_name_of_the_library_will_do() {
    for edition in ["edition2018", "edition2021"] {
        let output = run(edition, "dev");
        let lines = printed(&output);
        assert!(lines[0].contains(r#"Ann Some(\\\"b\\\") [1] 1"#), "{lines:?}");
        assert!(lines[1].contains(r#"\"te\""#), "{lines:?}");
    }
}
