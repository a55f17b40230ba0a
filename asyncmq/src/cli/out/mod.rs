//! Where answers go: text for people, JSON for programs. What jobs hold never reaches a terminal as it is.

pub(super) mod table;
pub(super) mod text;

/// Makes an object whose fields stay in their order: the first ones are what people look for.
macro_rules! object {
    ({ $($name:ident: $value:expr),* $(,)? }) => {{
        #[derive(serde::Serialize)]
        struct Object<$($name),*> {
            $($name: $name),*
        }
        Object { $($name: $value),* }
    }};
}

pub(super) use object;

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::error::{Error, Result};
use table::Table;

/// How answers are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Out {
    pub(super) json: bool,
    pub(super) style: Style,
    /// How many columns there are; without a terminal no line is cut.
    width: Option<usize>,
}

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Coloured,
}

/// What a colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    None,
    Faint,
    Bold,
    Good,
    Warning,
    Bad,
}

impl Style {
    /// Returns the text in its colour.
    pub(super) fn tint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::None => return text.to_owned(),
            Tone::Faint => "2",
            Tone::Bold => "1",
            Tone::Good => "32",
            Tone::Warning => "33",
            Tone::Bad => "31",
        };
        match self {
            Self::Plain => text.to_owned(),
            Self::Coloured => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

/// Tells whether the user wants colours, given that there is a terminal.
fn wants_colours() -> bool {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !is_set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

impl Out {
    pub(super) fn new(json: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let style = if is_terminal && !json && wants_colours() { Style::Coloured } else { Style::Plain };
        let width = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
        Self { json, style, width: width.filter(|_| is_terminal) }
    }

    /// Writes one line. Whoever reads has gone: then there is nobody to write for.
    pub(super) fn line(self, line: &str) -> Result<()> {
        let mut stdout = std::io::stdout().lock();
        let written = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(0),
            Err(error) => Err(Error::Startup(format!("cannot write the answer: {error}"))),
            Ok(()) => Ok(()),
        }
    }

    /// Writes a table.
    pub(super) fn table(self, table: &Table) -> Result<()> {
        self.line(&table.render(self.width, self.style))
    }

    /// Writes JSON over several lines.
    pub(super) fn json(self, value: &impl Serialize) -> Result<()> {
        self.line(&text::harmless_json(&to_json(serde_json::to_string_pretty(value))?))
    }

    /// Writes JSON on one line, as one of many.
    pub(super) fn json_line(self, value: &impl Serialize) -> Result<()> {
        self.line(&text::harmless_json(&to_json(serde_json::to_string(value))?))
    }

    /// Says something to people beside the answer; programs do not get to see it.
    pub(super) fn note(self, text: &str) {
        if !self.json {
            eprintln!("{text}");
        }
    }
}

/// An object of equal fields in their order.
pub(super) struct Fields<T>(pub(super) T);

impl<T: Serialize> Serialize for Fields<&[(&'static str, T)]> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

fn to_json(text: serde_json::Result<String>) -> Result<String> {
    text.map_err(|error| Error::Startup(format!("cannot write JSON: {error}")))
}
