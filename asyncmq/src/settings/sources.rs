//! Where settings come from: each source goes before those below it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ArgMatches;
#[cfg(feature = "cli")]
use clap::Command;

use crate::error::{Error, Result};
use crate::settings::Settings;
use crate::settings::flags::command;
#[cfg(feature = "cli")]
use crate::settings::flags::with_flags;
use crate::settings::keys::{KEYS, Key, find};
use crate::settings::shown::list_tasks;

/// What the flags ask for.
pub(crate) enum Asked {
    /// A worker.
    ToRun(Box<Settings>),
    /// Only something to read.
    ForText(String),
}

pub(super) const FILE: &str = "asyncmq.toml";
pub(super) const PREFIX: &str = "ASYNCMQ_";
/// Variables that are no settings of a worker.
const OTHERS: [&str; 2] = ["CONFIG", "TEST_URL"];

impl Settings {
    /// Reads the settings of this process. Wrong flags, and `--help`, end it here.
    pub(crate) fn from_process() -> Result<Asked> {
        let matches = command().get_matches();
        Self::from_sources(&matches, std::env::vars_os())
    }

    /// Reads the settings of this process, with flags that were read already.
    #[cfg(feature = "cli")]
    pub(crate) fn from_matches(matches: &ArgMatches) -> Result<Asked> {
        Self::from_sources(matches, std::env::vars_os())
    }

    /// Returns the URL of the store that the environment or the file names; they may say about a worker what they like.
    #[cfg(feature = "cli")]
    pub(crate) fn url_of_process(config: Option<&str>) -> Result<Option<String>> {
        let vars: Vec<(String, String)> = std::env::vars_os().filter_map(ours).collect();
        let (mut settings, mut from) = (Self::default(), Vec::new());
        if let Some(path) = config.map(PathBuf::from).or_else(|| file(None, &vars)) {
            let (place, text) = text_of(&path)?;
            settings.read_file(&place, &text, &mut from)?;
        }
        let url = vars.into_iter().find(|(name, _)| name == "URL").map(|(_, url)| url);
        Ok(url.or(settings.url))
    }

    /// Adds the flags of every setting to a command.
    #[cfg(feature = "cli")]
    pub(crate) fn add_flags(to: Command) -> Command {
        with_flags(to)
    }

    fn from_sources(matches: &ArgMatches, vars: impl Iterator<Item = (OsString, OsString)>) -> Result<Asked> {
        let vars: Vec<(String, String)> = vars.filter_map(ours).collect();
        let path = file(matches.get_one::<String>("config"), &vars);
        let Some(path) = path else { return Self::from_texts(matches, &vars, None) };
        let (place, text) = text_of(&path)?;
        Self::from_texts(matches, &vars, Some((&place, &text)))
    }

    /// Reads the settings from flags, from variables without their prefix, and from a file's place and text.
    pub(super) fn from_texts(
        matches: &ArgMatches,
        vars: &[(String, String)],
        file: Option<(&str, &str)>,
    ) -> Result<Asked> {
        let mut settings = Self::default();
        let mut from: Vec<(&'static str, String)> = Vec::new();
        if let Some((place, text)) = file {
            settings.read_file(place, text, &mut from)?;
        }
        settings.read_vars(vars, &mut from)?;
        settings.read_flags(matches, &mut from)?;
        settings.check()?;
        if matches.get_flag("list-tasks") {
            return Ok(Asked::ForText(list_tasks()));
        }
        if matches.get_flag("print-config") {
            return Ok(Asked::ForText(settings.print(&from)));
        }
        Ok(Asked::ToRun(Box::new(settings)))
    }

    fn read_file(&mut self, place: &str, text: &str, from: &mut Vec<(&'static str, String)>) -> Result<()> {
        let wrong = |reason: String| Error::Invalid(format!("{place}: {reason}"));
        let table: toml::Table = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        for key in KEYS {
            for (name, value) in &table {
                if find(name).map_err(wrong)?.name == key.name {
                    self.put(key, texts(value).map_err(wrong)?, place, from)?;
                }
            }
        }
        // Also those that no key above took: a misspelt name in a file without any other is an error too.
        table.keys().try_for_each(|name| find(name).map(|_| ())).map_err(wrong)
    }

    fn read_vars(&mut self, vars: &[(String, String)], from: &mut Vec<(&'static str, String)>) -> Result<()> {
        for (name, _) in vars.iter().filter(|(name, _)| !OTHERS.contains(&name.as_str())) {
            if let Err(reason) = find(name) {
                // Not an error: other programs of the family have variables of their own.
                eprintln!("warning: {PREFIX}{name}: {reason}");
            }
        }
        for key in KEYS {
            for (name, text) in vars {
                if find(name).is_ok_and(|found| found.name == key.name) {
                    self.put(key, vec![text.clone()], &format!("{PREFIX}{name}"), from)?;
                }
            }
        }
        Ok(())
    }

    fn read_flags(&mut self, matches: &ArgMatches, from: &mut Vec<(&'static str, String)>) -> Result<()> {
        for key in KEYS {
            let texts: Vec<String> = match key.value {
                "" if matches.get_flag(key.flag) => vec!["true".into()],
                "" => Vec::new(),
                _ => matches.get_many::<String>(key.flag).into_iter().flatten().cloned().collect(),
            };
            if !texts.is_empty() {
                self.put(key, texts, &format!("--{}", key.flag), from)?;
            }
        }
        Ok(())
    }

    /// Sets a setting in place of what a lower source said.
    fn put(
        &mut self,
        key: &'static Key,
        texts: Vec<String>,
        source: &str,
        from: &mut Vec<(&'static str, String)>,
    ) -> Result<()> {
        match key.name {
            "queues" => self.queues.clear(),
            "exclude_queues" => self.exclude_queues.clear(),
            _ => {}
        }
        for text in texts {
            (key.set)(self, &text).map_err(|reason| Error::Invalid(format!("{source}: {reason}")))?;
        }
        from.retain(|(name, _)| *name != key.name);
        from.push((key.name, source.to_owned()));
        Ok(())
    }
}

/// Takes a variable that is for this library.
fn ours((name, value): (OsString, OsString)) -> Option<(String, String)> {
    let name = name.to_str()?.strip_prefix(PREFIX)?.to_owned();
    Some((name, value.to_str()?.to_owned()))
}

/// Finds the file: the one that was named, or `asyncmq.toml` here if there is one.
fn file(named: Option<&String>, vars: &[(String, String)]) -> Option<PathBuf> {
    let named = named.or_else(|| vars.iter().find(|(name, _)| name == "CONFIG").map(|(_, path)| path));
    named.map(PathBuf::from).or_else(|| Path::new(FILE).exists().then(|| FILE.into()))
}

fn texts(value: &toml::Value) -> Result<Vec<String>, String> {
    match value {
        toml::Value::String(text) => Ok(vec![text.clone()]),
        toml::Value::Integer(number) => Ok(vec![number.to_string()]),
        toml::Value::Float(number) => Ok(vec![number.to_string()]),
        toml::Value::Boolean(switch) => Ok(vec![switch.to_string()]),
        toml::Value::Array(values) => {
            let texts: Result<Vec<_>, _> = values.iter().map(texts).collect();
            Ok(texts?.concat())
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => {
            Err("a date or a table is no value of a setting".into())
        }
    }
}

/// Reads a file; returns what it is called, and its text.
fn text_of(path: &Path) -> Result<(String, String)> {
    let place = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((place, text)),
        Err(error) => Err(Error::Invalid(format!("{place}: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flags: &[&str], vars: &[(&str, &str)]) -> Result<Settings> {
        let matches = command().get_matches_from(["worker"].iter().chain(flags));
        let vars = vars.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        match Settings::from_sources(&matches, vars)? {
            Asked::ToRun(settings) => Ok(*settings),
            Asked::ForText(text) => panic!("{text}"),
        }
    }

    fn toml_file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn flags_go_before_variables_and_these_before_the_file() {
        let file =
            toml_file("worker_concurrency = 1\nlease = \"1s\"\nqueues = [\"file\"]\ndrain_timeout = 7");
        let config = file.path().to_str().unwrap();
        let vars = [
            ("ASYNCMQ_WORKER_CONCURRENCY", "2"),
            ("ASYNCMQ_LEASE", "2s"),
            ("ASYNCMQ_CONFIG", config),
            ("HOME", "x"),
        ];
        let settings = read(&["-c", "3", "-q", "a", "--queue", "b,c"], &vars).unwrap();
        assert_eq!(settings.worker_concurrency, 3);
        assert_eq!(settings.lease.as_secs(), 2);
        assert_eq!(settings.drain_timeout.as_secs(), 7);
        assert_eq!(settings.queues, ["a", "b", "c"]);
    }

    #[test]
    fn a_misspelt_setting_in_the_file_is_an_error_with_the_place_and_the_nearest() {
        let file = toml_file("drain_timout = 3");
        let error = read(&["--config", file.path().to_str().unwrap()], &[]).unwrap_err().to_string();
        assert!(error.contains("did you mean `drain_timeout`"), "{error}");
        assert!(error.contains(file.path().to_str().unwrap()), "{error}");
    }

    #[test]
    fn a_wrong_value_names_its_source() {
        let error = read(&[], &[("ASYNCMQ_LEASE", "soon")]).unwrap_err().to_string();
        assert!(error.starts_with("ASYNCMQ_LEASE: "), "{error}");
        let error = read(&["--lease", "1ms"], &[]).unwrap_err().to_string();
        assert!(error.contains("the shortest is 10ms"), "{error}");
        let error = read(&["--drain-timeout", "1e19"], &[]).unwrap_err().to_string();
        assert!(error.contains("the longest is"), "{error}");
        let error = read(&["--rate-interval", "0", "--rate-limit", "5"], &[]).unwrap_err().to_string();
        assert!(error.contains("a time of zero"), "{error}");
    }

    #[test]
    fn the_printed_settings_are_a_file_that_gives_the_same_settings() {
        let matches = command().get_matches_from([
            "worker",
            "--print-config",
            "--rate-limit",
            "window(5/2s)",
            "-q",
            "x",
            "--log-level",
            "quo\"ted\u{7f}\\",
        ]);
        let Ok(Asked::ForText(text)) = Settings::from_sources(&matches, std::iter::empty()) else {
            panic!("no text")
        };
        let file = toml_file(&text);
        let settings = read(&["--config", file.path().to_str().unwrap()], &[]).unwrap();
        assert_eq!(settings.rate_limit, Some(crate::RateLimit::window(5, std::time::Duration::from_secs(2))));
        assert_eq!(settings.queues, ["x"]);
        assert_eq!(settings.log_level, "quo\"ted\u{7f}\\");
    }
}
