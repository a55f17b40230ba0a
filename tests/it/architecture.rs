//! The shape of the library, held by reading its source.

use std::path::{Path, PathBuf};

/// From the bottom to the top: a layer names only those before it.
const LAYERS: [&str; 17] = [
    "seeded",
    "caught",
    "chance",
    "clock",
    "job",
    "error",
    "event",
    "lifecycle",
    "schedule",
    "backend",
    "task",
    "client",
    "admin",
    "settings",
    "worker",
    "dashboard",
    "cli",
];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../asyncmq/src")
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

struct File {
    name: String,
    text: String,
}

impl File {
    /// Returns the code above the tests, line by line, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_test = |line: &str| {
            ["#[cfg(test)]", "#[cfg(all(test"].iter().any(|start| line.trim_start().starts_with(start))
        };
        let lines = self.text.lines().take_while(move |line| !is_test(line));
        lines.enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn layer(&self) -> &str {
        self.name.split('/').next().unwrap().trim_end_matches(".rs")
    }
}

fn files() -> Vec<File> {
    let mut paths = Vec::new();
    let source = source();
    files_below(&source, &mut paths);
    assert!(80 < paths.len(), "the source is somewhere else");
    paths.retain(|path| !path.ends_with("tests.rs"));
    let file = |path: PathBuf| {
        let name = path.strip_prefix(&source).unwrap().to_string_lossy().replace('\\', "/");
        File { name, text: std::fs::read_to_string(path).unwrap() }
    };
    paths.into_iter().map(file).collect()
}

/// Returns the places where code that breaks a rule stands.
fn places(files: &[File], breaks: impl Fn(&File, &str) -> bool) -> Vec<String> {
    let of_file = |file: &File| {
        let lines = file.code().filter(|(_, line)| breaks(file, line));
        lines
            .map(|(number, line)| format!("{}:{}: {}", file.name, number + 1, line.trim()))
            .collect::<Vec<_>>()
    };
    files.iter().flat_map(of_file).collect()
}

#[test]
fn layers_point_one_way() {
    let files = files();
    // `error` names what jobs are called, and `job` what its own grammar's errors are: they are one.
    let height = |layer: &str| match layer {
        "error" => height_of("job"),
        layer => height_of(layer),
    };
    let upward = |file: &File, line: &str| {
        let Some(own) = height(file.layer()) else { return false };
        line.match_indices("crate::").any(|(place, prefix)| {
            let rest = &line[place + prefix.len()..];
            let named = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
            height(named).is_some_and(|named| own < named)
        })
    };
    let found = places(&files, upward);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

fn height_of(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|known| *known == layer)
}

#[test]
fn the_noun_and_the_rules_know_no_runtime_and_no_store() {
    let pure = ["job", "lifecycle", "schedule"];
    let impure = |file: &File, line: &str| {
        pure.contains(&file.layer())
            && ["tokio", "crate::backend", "async fn", ".await", "Instant::now", "SystemTime::now"]
                .iter()
                .any(|word| line.contains(word))
    };
    let found = places(&files(), impure);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_hot_path_of_a_store_has_one_caller() {
    let calls = |file: &File, line: &str| {
        let is_caller = ["backend/handle.rs", "backend/gather.rs"].contains(&file.name.as_str());
        let is_store = ["backend/conformance/", "backend/memory/", "backend/redis/", "backend/sqlite/"]
            .iter()
            .any(|folder| file.name.starts_with(folder));
        let direct = ["backend().push(", "backend().claim(", "backend().settle(", "backend.push("];
        !is_caller && !is_store && direct.iter().any(|call| line.contains(call))
    };
    let found = places(&files(), calls);
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent = |file: &&File| !file.text.starts_with("//! ");
    let files = files();
    let silent: Vec<_> = files.iter().filter(silent).map(|file| file.name.as_str()).collect();
    assert!(silent.is_empty(), "{silent:?}");
}

#[test]
fn no_file_is_long() {
    let mut long = Vec::new();
    for file in files() {
        let code = file.code().filter(|(_, line)| !line.trim().is_empty()).count();
        let all = file.text.lines().count();
        if 600 < all || 400 < code {
            long.push(format!("{}: {all} lines, {code} of code", file.name));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn nothing_unwraps_outside_of_tests() {
    let unwraps = |file: &File, line: &str| {
        !file.name.starts_with("backend/conformance")
            && (line.contains(".unwrap()") || line.contains("#[allow("))
    };
    let found = places(&files(), unwraps);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
