//! At a terminal: what is typed confirms, lines fit, colours can be switched off, Ctrl-C ends in order.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::time::Duration;

use asyncmq::NewJob;
use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use super::{Desk, desks};

/// A command at a terminal.
struct Screen {
    child: Child,
    terminal: File,
    bytes: Vec<u8>,
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
        Self { child, terminal: File::from(pty.master), bytes: Vec::new(), shown: String::new() }
    }

    /// Reads until something is shown.
    fn until(&mut self, part: &str) {
        while !self.shown.contains(part) {
            assert_ne!(self.read(), 0, "{part:?} never came: {}", self.shown);
        }
    }

    /// Reads what is there; a character may come in two parts.
    fn read(&mut self) -> usize {
        let mut bytes = [0; 4_096];
        let count = self.terminal.read(&mut bytes).unwrap_or(0);
        self.bytes.extend(&bytes[..count]);
        self.shown = String::from_utf8_lossy(&self.bytes).into_owned();
        count
    }

    fn type_in(&mut self, text: &str) {
        self.terminal.write_all(text.as_bytes()).unwrap();
    }

    /// Reads to the end. Returns the exit code and all that was shown.
    fn end(mut self) -> (Option<i32>, String) {
        while self.read() != 0 {}
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.shown))
    }
}

impl Drop for Screen {
    /// A test that failed leaves nobody behind.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
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

/// Fills a store with delayed jobs, and returns what a bulk order about them shows once it has begun.
async fn in_the_midst_of_an_order(desk: &Desk, columns: u16, begun: &str) -> Screen {
    let queue = desk.client().await.queue("mail");
    queue.drain(asyncmq::Drain::WaitingAndDelayed).await.unwrap();
    let delayed = (0..MANY).map(|_| NewJob::new("x").delay(Duration::from_secs(3_600)));
    queue.add_bulk(delayed).await.unwrap();
    let words = ["job", "promote", "--yes", "--query", "task:x"];
    let mut screen = Screen::of(desk.command(&words), columns);
    screen.until(begun);
    screen
}

/// So many that an order about them is not over before somebody can do something about it.
const MANY: u64 = 8_000;

fn signal(screen: &Screen, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(screen.child.id()).unwrap()), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_a_bulk_order_in_order_and_on_record() {
    for desk in desks() {
        let screen = in_the_midst_of_an_order(&desk, 100, "looked at").await;
        signal(&screen, Signal::SIGINT);
        let (code, shown) = screen.end();
        assert_eq!(code, Some(1), "{shown}");
        assert!(shown.contains("Stopped before the end: the same command goes on with the rest."), "{shown}");
        let counts = desk.client().await.queue("mail").counts().await.unwrap();
        assert!(counts.waiting != 0 && counts.delayed != 0, "{counts:?}");
        let order = &desk.json(&["audit"])["audit"][0];
        assert_eq!(order["changed"], counts.waiting, "what was done is on record");
        assert_eq!(
            (&order["error"], &order["ended"]),
            (&json!("stopped before its end"), &json!(true)),
            "{order}"
        );
        let rest = desk.json(&["job", "promote", "--yes", "--query", "task:x"]);
        assert_eq!(rest["changed"], MANY - counts.waiting, "the same command goes on with the rest");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_whose_process_is_killed_leaves_a_trace() {
    for desk in desks() {
        let screen = in_the_midst_of_an_order(&desk, 100, "looked at").await;
        signal(&screen, Signal::SIGKILL);
        assert_eq!(screen.end().0, None);
        let order = &desk.json(&["audit"])["audit"][0];
        assert_eq!(
            (&order["action"], &order["subject"], &order["ended"]),
            (&json!("job.promote"), &json!("task:x"), &json!(false)),
            "{order}"
        );
        assert!(desk.run(&["audit"]).done().out.contains("under way"));
        let counts = desk.client().await.queue("mail").counts().await.unwrap();
        assert!(counts.waiting != 0 && order["changed"].as_u64().unwrap() <= counts.waiting, "{counts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_is_drawn_on_one_line_however_narrow() {
    for desk in desks() {
        for (columns, begun) in [(100, "left"), (60, "looked at, "), (30, "%, ")] {
            let screen = in_the_midst_of_an_order(&desk, columns, begun).await;
            signal(&screen, Signal::SIGINT);
            let (_, shown) = screen.end();
            let drawn: Vec<_> = shown.split(['\r', '\n']).filter(|line| line.contains("changed")).collect();
            assert!(!drawn.is_empty(), "{shown:?}");
            for line in drawn {
                let width = console_width(&line.replace("\u{1b}[2K", "").replace("\u{1b}[1A", ""));
                assert!(width <= usize::from(columns), "{width} of {columns} columns: {line:?}");
            }
        }
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

#[tokio::test(flavor = "multi_thread")]
async fn a_flow_is_waited_for_with_a_bar_and_cancelled_once_its_number_of_jobs_is_typed() {
    for desk in desks() {
        let (client, file) = (desk.client().await, desk.folder.path().join("file"));
        std::fs::write(&file, "12345").unwrap();
        for id in ["long", "short"] {
            super::flow::order(&client, id, &file).await;
        }
        let mut screen = Screen::of(desk.command(&["flow", "cancel", "long"]), 100);
        screen.until("Type 4 to go on: ");
        screen.type_in("yes\n");
        assert_eq!(screen.end().0, Some(1));
        let mut screen = Screen::of(desk.command(&["flow", "cancel", "long"]), 100);
        screen.until("Type 4 to go on: ");
        screen.type_in("4\n");
        let (code, shown) = screen.end();
        assert!(code == Some(0) && shown.contains("cancelled 4 jobs"), "{shown}");

        let mut screen = Screen::of(desk.command(&["flow", "wait", "short"]), 70);
        screen.until("0/4 jobs ended");
        let _worker = desk.worker(&client, &["-q", "mail,files"]).await;
        let (code, shown) = screen.end();
        assert!(code == Some(0) && shown.contains("short is completed: 4 of 4 jobs ended"), "{shown}");
    }
}
