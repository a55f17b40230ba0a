//! Asks before what cannot be undone.

use std::io::{BufRead, IsTerminal, Write};

use super::Ended;
use crate::error::{Error, Result};

/// Asks at a terminal for a word to be typed. Returns whether it was.
///
/// # Errors
///
/// Without a terminal there is nobody to ask.
pub(super) fn ask(word: &str) -> Result<bool> {
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return Err(Error::Invalid(
            "nothing was changed: add --yes to do it, or --dry-run to only look".into(),
        ));
    }
    let mut stderr = std::io::stderr();
    let asked = write!(stderr, "Type {word} to go on: ").and_then(|()| stderr.flush());
    let mut typed = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut typed));
    read.map_err(|error| Error::Startup(format!("cannot ask: {error}")))?;
    Ok(typed.trim() == word)
}

/// Says that nothing was done.
pub(super) fn not_confirmed() -> Ended {
    eprintln!("Nothing was changed.");
    Ended::No
}
