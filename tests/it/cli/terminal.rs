//! At a terminal: what is typed confirms, lines fit, colours can be switched off, Ctrl-C ends in order.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};

use asyncmq::NewJob;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Desk, desks};

/// A command at a terminal.
struct Screen {
    child: Child,
    terminal: File,
    shown: String,
}

impl Screen {
    fn of(mut command: Command, columns: u16) -> Self {
        let size = Winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let end = || File::from(pty.slave.try_clone().unwrap());
        command.env("TERM", "xterm").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        // Those who still have the other end open: the command alone, so that its end ends the reading.
        drop((command, pty.slave));
        Self { child, terminal: File::from(pty.master), shown: String::new() }
    }

    /// Reads until something is shown.
    fn until(&mut self, part: &str) {
        let mut bytes = [0; 4_096];
        while !self.shown.contains(part) {
            let count = self.terminal.read(&mut bytes).unwrap_or(0);
            assert_ne!(count, 0, "{part:?} never came: {}", self.shown);
            self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
    }

    fn type_in(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    /// Reads to the end. Returns the exit code and all that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        let mut bytes = [0; 4_096];
        while let Ok(count @ 1..) = self.terminal.read(&mut bytes) {
            self.shown.push_str(&String::from_utf8_lossy(&bytes[..count]));
        }
        (self.child.wait().unwrap().code(), self.shown)
    }
}

async fn with_jobs(count: usize) -> Vec<Desk> {
    let desks = desks();
    for desk in &desks {
        let long = "a.task.with.quite.a.long.name.as.large.programs.have.them";
        desk.client().await.queue("mail").add_bulk((0..count).map(|_| NewJob::new(long))).await.unwrap();
    }
    desks
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_undone_wants_a_word_to_be_typed() {
    for desk in with_jobs(12).await {
        let words = ["job", "remove", "--query", "queue:mail"];
        let mut screen = Screen::of(desk.command(&words), 100);
        screen.until("Type 12 to go on: ");
        assert!(
            screen.shown.contains("This would remove 12 jobs, of which the first 5 are shown."),
            "{}",
            screen.shown
        );
        screen.type_in("yes\n");
        let (code, shown) = screen.end();
        assert!(code == Some(1) && shown.contains("Nothing was changed."), "{shown}");

        let mut screen = Screen::of(desk.command(&words), 100);
        screen.until("Type 12 to go on: ");
        screen.type_in("12\n");
        let (code, shown) = screen.end();
        assert!(code == Some(0) && shown.contains("removed 12 jobs"), "{shown}");

        let mut screen = Screen::of(desk.command(&["queue", "obliterate", "mail"]), 100);
        screen.until("Type mail to go on: ");
        screen.type_in("mail\n");
        assert_eq!(screen.end().0, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_fit_a_narrow_terminal_and_are_whole_in_a_pipe() {
    for desk in with_jobs(2).await {
        for columns in [60, 80, 200] {
            let (code, shown) = Screen::of(desk.command(&["job", "list"]), columns).end();
            assert_eq!(code, Some(0), "{shown}");
            for line in shown.lines().filter(|line| line.contains("waiting")) {
                let width = console_width(line);
                assert!(width <= usize::from(columns), "{width} columns: {line}");
                assert_eq!(columns < 200, line.contains('…'), "{line}");
            }
        }
        assert!(!desk.run(&["job", "list"]).done().out.contains('…'));
    }
}

/// Counts the columns of a line without its colours.
fn console_width(line: &str) -> usize {
    let mut is_code = false;
    let shown = line.trim_end().chars().filter(|c| {
        let is_shown = !is_code && *c != '\u{1b}';
        is_code = (is_code || *c == '\u{1b}') && *c != 'm';
        is_shown
    });
    shown.count()
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_colours_at_a_terminal_unless_they_are_not_wanted() {
    for desk in with_jobs(1).await {
        let shown = |name: &str, value: &str| {
            let mut command = desk.command(&["queue", "list"]);
            command.env(name, value);
            Screen::of(command, 120).end().1
        };
        assert!(shown("NO_COLOR", "").contains("\u{1b}["), "empty is as if it were not set");
        assert!(!shown("NO_COLOR", "1").contains("\u{1b}["));
        assert!(!desk.run(&["queue", "list"]).done().out.contains("\u{1b}["), "none in a pipe");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_following_events_as_it_should_end() {
    for desk in with_jobs(1).await {
        let mut screen = Screen::of(desk.command(&["events"]), 100);
        screen.until("Listening");
        desk.client().await.queue("mail").pause().await.unwrap();
        screen.until("queue:paused");
        kill(Pid::from_raw(i32::try_from(screen.child.id()).unwrap()), Signal::SIGINT).unwrap();
        assert_eq!(screen.end().0, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_jobs_hold_cannot_steer_the_terminal() {
    for desk in desks() {
        let client = desk.client().await;
        let hostile = "\u{202e}x<script>'\"$(id)`%s\u{9b}31m";
        let job = NewJob::new("x")
            .tag("\u{1b}]0;owned\u{7}")
            .args(serde_json::json!({ "a": "\u{1b}[2J\u{7f}\u{9b}" }));
        // Names are kept free of control characters at the door; what looks like an order without being one is not.
        client.queue("\u{202e}mail").add(job.id("\u{2066}7")).await.unwrap();
        client.queue("plain").add(NewJob::new("x").id("8").header("k", hostile)).await.unwrap();
        for words in [
            &["job", "list"][..],
            &["job", "list", "--json"],
            &["queue", "list"],
            &["queue", "list", "--json"],
            &["job", "inspect", "\u{2066}7"],
            &["job", "inspect", "\u{2066}7", "--json"],
            &["job", "inspect", "8"],
            &["job", "inspect", "8", "--json"],
        ] {
            let shown = desk.run(words).done().out;
            let order = shown.chars().find(|c| {
                (c.is_control() && *c != '\n')
                    || ('\u{202a}'..='\u{202e}').contains(c)
                    || ('\u{2066}'..='\u{2069}').contains(c)
            });
            assert_eq!(order, None, "{words:?}: {shown:?}");
        }
    }
}
