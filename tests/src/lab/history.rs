//! Reads what processes wrote down.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::Context;

use crate::lab::event::Line;

/// Reads every journal of a folder, in the order in which the lines were written.
///
/// A process that was killed may have left half a line at the end of its file; it is left out.
///
/// # Errors
///
/// Those of the files, and a line that is none.
pub fn read(folder: &Path) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("journal.") {
            read_file(&path, &mut lines).with_context(|| format!("in {}", path.display()))?;
        }
    }
    lines.sort_by_key(|line| line.at);
    Ok(lines)
}

fn read_file(path: &Path, lines: &mut Vec<Line>) -> anyhow::Result<()> {
    let (mut reader, mut text) = (BufReader::new(File::open(path)?), Vec::new());
    while reader.read_until(b'\n', &mut text)? != 0 {
        if text.ends_with(b"\n") {
            lines.push(serde_json::from_slice(&text)?);
        }
        text.clear();
    }
    Ok(())
}
