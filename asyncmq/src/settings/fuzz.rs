//! A target for garbage: flags, variables and the file.

use super::flags::command;
use super::keys::find;
use super::sources::Asked;
use crate::fuzz::{Target, joined, pieces, text};
use crate::settings::Settings;

pub(crate) fn settings() -> Target {
    let sample =
        |flags: &str, vars: &str, file: &str| joined(&[flags.as_bytes(), vars.as_bytes(), file.as_bytes()]);
    let samples = vec![
        sample(
            "-c\n3\n-q\na,b\n--lease=2s",
            "LEASE=1s\nRATE_LIMIT=window(5/2s)",
            "queues = [\"a\"]\nburst = true",
        ),
        sample(
            "--url\nredis://u:secret@h:1/0?x=1\n--print-config",
            "BURST=on",
            "max_payload = \"1MiB\"\nlease = 0.5",
        ),
        sample(
            "--rate-limit\n5",
            "RATE_INTERVAL=2m\nLOG_FORMAT=json",
            "max_crashes = 1\nlog-level = \"a=debug,info\"",
        ),
        sample("--list-tasks\n--burst", "", "worker_concurrency = 20\nexclude_queues = [\"x\", \"y\"]"),
    ];
    Target { name: "settings", read: read_settings, samples }
}

fn read_settings(bytes: &[u8]) {
    let [flags, vars, file] = pieces(bytes);
    let (flags, vars, file) = (text(flags), text(vars), text(file));
    let words = std::iter::once("worker").chain(flags.lines());
    let Ok(matches) = command().try_get_matches_from(words) else { return };
    // Of variables that are no settings one is but warned.
    let known = |(name, _): &(&str, &str)| find(name).is_ok();
    let vars = vars.lines().filter_map(|line| line.split_once('=')).filter(known);
    let vars: Vec<(String, String)> = vars.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let Ok(asked) = Settings::from_texts(&matches, &vars, Some(("a file", &file))) else { return };
    match asked {
        Asked::ToRun(settings) => {
            let shown = settings.print(&[]);
            if let Some(secret) = settings.url.as_deref().and_then(password) {
                assert!(!shown.contains(&secret), "{shown}");
            }
            // What is shown is a file that says the same, but for the secret and what is finer than a microsecond.
            let none = command().get_matches_from(["worker"]);
            let again = match Settings::from_texts(&none, &[], Some(("what was shown", &shown))) {
                Ok(Asked::ToRun(again)) => again,
                Ok(Asked::ForText(text)) => panic!("{text}"),
                Err(error) => panic!("{error}\n{shown}"),
            };
            assert_eq!(again.print(&[]), shown);
        }
        Asked::ForText(text) => assert!(!text.is_empty()),
    }
}

/// Returns a password that stands out in a URL, with what is around it.
fn password(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let (rest, _) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, _) = rest.rsplit_once('@')?;
    let (_, password) = login.split_once(':')?;
    let secret = format!(":{password}@");
    (3 < password.len() && !password.contains('*') && url.matches(&secret).count() == 1).then_some(secret)
}
