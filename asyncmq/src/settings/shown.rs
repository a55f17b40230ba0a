//! What can be read of the settings: each with its source, as a file that gives the same, and the linked tasks.

use std::fmt::Write;

use crate::settings::Settings;
use crate::settings::keys::{KEYS, Key};
use crate::task::tasks;

impl Settings {
    /// Shows what counts in the end, and where it comes from.
    pub(super) fn print(&self, from: &[(&'static str, String)]) -> String {
        KEYS.iter().fold(String::new(), |mut text, key| {
            let source =
                from.iter().find(|(name, _)| *name == key.name).map_or("default", |(_, source)| source);
            let line = format!("{} = {}", key.name, toml_value(key, &(key.show)(self)));
            let _ = writeln!(text, "{line:<48} # {source}");
            text
        })
    }
}

/// Writes a value as the file takes it.
fn toml_value(key: &Key, shown: &str) -> String {
    match key.name {
        "queues" | "exclude_queues" => {
            let names: Vec<_> = shown.split(',').filter(|name| !name.is_empty()).map(toml_text).collect();
            format!("[{}]", names.join(", "))
        }
        _ if shown.parse::<u64>().is_ok() || shown == "true" || shown == "false" => shown.to_owned(),
        _ => toml_text(shown),
    }
}

/// Writes a text as the file takes it, whose escapes are not those of Rust.
fn toml_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

/// Shows the tasks of this binary as a table.
pub(super) fn list_tasks() -> String {
    let mut rows = vec![["TASK".to_owned(), "QUEUE".into(), "RETRIES".into(), "ARGUMENTS".into()]];
    rows.extend(tasks().map(|task| {
        let arguments =
            task.arguments().iter().map(|argument| format!("{}: {}", argument.name, argument.type_name));
        [
            task.name().to_owned(),
            task.queue().to_owned(),
            task.options().retries.to_string(),
            arguments.collect::<Vec<_>>().join(", "),
        ]
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let (name, queue, retries) = (width(0), width(1), width(2));
    rows.iter().fold(String::new(), |mut text, [task, of, tries, arguments]| {
        let _ = writeln!(text, "{task:name$}  {of:queue$}  {tries:>retries$}  {arguments}");
        text
    })
}
