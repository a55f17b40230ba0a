//! Flows that make a job of each element of a list.

use std::time::Duration;

use asyncmq::{Client, Error, EventKind, Flow, FlowState, JobState, NewJob, Retention, task};
use futures::StreamExt;
use serde_json::json;

use super::{Ran, count, node, on_every_store, report, split, sum, worker};
use crate::support::soon;

/// Says how it is told to end, by the word.
#[task(name = "flows.shout", queue = "flows, elsewhere")]
async fn shout(word: String, fails: &str, mark: &str) -> Result<String, asyncmq::TaskError> {
    match fails.contains(&*word) {
        true => Err(asyncmq::TaskError::permanent("it was told to")),
        false => Ok(format!("{}{mark}", word.to_uppercase())),
    }
}

#[task(name = "flows.join", queue = "flows")]
async fn join(words: Vec<Option<String>>) -> String {
    words.into_iter().map(|word| word.unwrap_or_else(|| "?".into())).collect::<Vec<_>>().join(" ")
}

#[task(name = "flows.numbers", queue = "flows")]
async fn numbers(count: usize) -> Vec<usize> {
    (0..count).collect()
}

#[task(name = "flows.double", queue = "flows")]
async fn double(number: usize) -> usize {
    2 * number
}

#[tokio::test]
async fn each_element_is_a_job_and_the_outputs_are_a_list_in_their_order() {
    on_every_store(async |client| {
        let mut flow = Flow::with_id("words");
        let words = flow.add(split::job("ab c def"));
        let loud = flow.map(&words, |word| shout::with(word, "", "!"));
        let again = flow.map(&loud, |word| shout::with(word, "", "?"));
        let number = flow.add(count::with(&again));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the number", handle.result(&number)).await.unwrap(), 3);
        assert_eq!(handle.result(&again).await.unwrap(), ["AB!?", "C!?", "DEF!?"]);
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert!(graph.is_completed() && graph.state.is_over());
        let ids: Vec<_> = graph.nodes.iter().map(|node| node.id.to_string()).collect();
        assert_eq!(ids[..4], ["words.0", "words.1", "words.2", "words.3"]);
        assert_eq!(
            ids[4..],
            ["words.1[0]", "words.1[1]", "words.1[2]", "words.2[0]", "words.2[1]", "words.2[2]"]
        );
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_list_without_elements_gives_one_without_outputs() {
    on_every_store(async |client| {
        let mut flow = Flow::new();
        let none = flow.add(numbers::job(0));
        let doubles = flow.map(&none, double::with);
        let total = flow.add(sum::with(1_usize, &doubles));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the total", handle.result(&total)).await.unwrap(), 1);
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_other_arguments_may_be_outputs_and_who_is_waited_for_is() {
    on_every_store(async |client| {
        let ran = Ran::default();
        let worker = worker(&client, &ran).await;
        let mut flow = Flow::new();
        let words = flow.add(split::job("a b"));
        let mark = flow.add(node::job("!", "ok"));
        let loud = flow.map(&words, |word| shout::with(word, "", &mark));
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the words", handle.result(&loud)).await.unwrap(), ["A!", "B!"]);
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn some_that_fail_fail_the_list_once_all_have_ended_and_begin_anew_with_it() {
    on_every_store(async |client| {
        let mut flow = Flow::with_id("some");
        let words = flow.add(split::job("a b c d"));
        let loud = flow.map(&words, |word| shout::with(word, "bd", "!"));
        let behind = flow.add(count::with(&loud));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        let error = soon("the failure", handle.result(&loud)).await.unwrap_err();
        let said = "2 of 4 jobs did not complete: some.1[1], some.1[3]";
        assert!(matches!(&error, Error::JobFailed { message, .. } if message.contains(said)), "{error}");
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert_eq!(handle.job(&behind).unwrap().state().await.unwrap(), JobState::Failed);
        assert_eq!((graph.count(JobState::Completed), graph.count(JobState::Failed)), (3, 4));
        assert_eq!(handle.retry().await.unwrap(), 4, "the two, the list, and who waits for it");
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert_eq!((graph.count(JobState::Completed), graph.count(JobState::Failed)), (3, 4));
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_optional_list_has_none_for_those_that_fail() {
    on_every_store(async |client| {
        let mut flow = Flow::new();
        let words = flow.add(split::job("a b c"));
        let loud = flow.map_optional(&words, |word| shout::with(word, "b", "!"));
        let joined = flow.add(join::with(&loud));
        let title = flow.add(report::with("end", None::<usize>).depends_on([&joined]));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the words", handle.result(&joined)).await.unwrap(), "A! ? C!");
        soon("the end", handle.result(&title)).await.unwrap();
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn jobs_by_name_are_made_of_elements_too_and_what_is_no_list_is_said() {
    on_every_store(async |client| {
        let mut flow = Flow::new();
        let words = flow.add_named(NewJob::new("flows.split").args(json!(["a b"])));
        let job =
            |word| NewJob::new("flows.shout").kwargs(json!({"fails": "", "mark": "."})).input("word", word);
        let loud = flow.map_named(&words, job);
        let text = flow.add_named(NewJob::new("flows.report").args(json!(["a title", null])));
        let no_list = flow.map_named(&text, job);
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        assert_eq!(soon("the words", handle.result(&loud)).await.unwrap(), json!(["A.", "B."]));
        let error = soon("the failure", handle.result(&no_list)).await.unwrap_err();
        let said = "is not a list, but \"a title: None\"";
        assert!(matches!(&error, Error::JobFailed { message, .. } if message.contains(said)), "{error}");
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_flow_cancels_what_was_made() {
    on_every_store(async |client: Client| {
        let mut flow = Flow::with_id("many");
        let many = flow.add(numbers::job(300));
        let late = |number| double::with(number).delay(Duration::from_secs(3_600));
        let doubles = flow.map(&many, late);
        let total = flow.add(sum::with(0_usize, &doubles));
        let mut released = client.events_where(EventKind::Released).await.unwrap();
        let handle = flow.enqueue_on(&client).await.unwrap();
        let worker = worker(&client, &Ran::default()).await;
        soon("the jobs", released.next()).await.unwrap();
        assert_eq!(
            handle.cancel().await.unwrap(),
            302,
            "those that were made, the list, and who waits for it"
        );
        let graph = soon("the end", handle.wait()).await.unwrap();
        assert_eq!((graph.count(JobState::Completed), graph.count(JobState::Cancelled)), (1, 302));
        assert_eq!(handle.job(&total).unwrap().state().await.unwrap(), JobState::Cancelled);
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn what_elements_gave_is_there_however_little_their_task_keeps() {
    on_every_store(async |client: Client| {
        let mut flow = Flow::with_id("brief");
        let few = flow.add(numbers::job(40));
        let nothing = flow.map(&few, |number| double::with(number).retain(Retention::Nothing));
        let asked = Retention::For(Duration::from_secs(90_000));
        let longer = flow.map(&few, |number| double::with(number).retain(asked));
        let worker = worker(&client, &Ran::default()).await;
        let handle = flow.enqueue_on(&client).await.unwrap();
        let doubles: Vec<usize> = (0..40).map(|number| 2 * number).collect();
        assert_eq!(soon("the doubles", handle.result(&nothing)).await.unwrap(), doubles);
        assert_eq!(soon("the doubles", handle.result(&longer)).await.unwrap(), doubles);
        let kept = async |id: &str| client.job(id).await.unwrap().unwrap().envelope().retention;
        assert_eq!(kept("brief.1[7]").await, Retention::For(Duration::from_secs(3_600)));
        assert_eq!(kept("brief.2[7]").await, asked);
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn flows_of_like_names_do_not_meet() {
    on_every_store(async |client: Client| {
        let flow = |id: &str| {
            let mut flow = Flow::with_id(id);
            let few = flow.add(numbers::job(2));
            let doubles = flow.map(&few, double::with);
            (flow, doubles)
        };
        let (one, doubles) = flow("build");
        let (other, others) = flow("build.1");
        let one = one.enqueue_on(&client).await.unwrap();
        let events = one.events().await.unwrap();
        let other = other.enqueue_on(&client).await.unwrap();
        let worker = worker(&client, &Ran::default()).await;
        assert_eq!(soon("the doubles", one.result(&doubles)).await.unwrap(), [0, 2]);
        assert_eq!(soon("the doubles", other.result(&others)).await.unwrap(), [0, 2]);
        let ids = events.map(|event| event.job_id().unwrap().to_string());
        let ids: std::collections::BTreeSet<_> = soon("the end", ids.collect()).await;
        let own = ["build.0", "build.1", "build.1[0]", "build.1[1]", "build.flow"];
        assert!(ids.iter().all(|id| own.contains(&id.as_str())), "{ids:?}");
        worker.stop().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_flow_tells_what_happens_in_it_and_ends_with_it() {
    on_every_store(async |client: Client| {
        let mut flow = Flow::with_id("told");
        let few = flow.add(numbers::job(2));
        flow.map(&few, double::with);
        let handle = flow.enqueue_on(&client).await.unwrap();
        let events = handle.events().await.unwrap();
        double::job(7).enqueue_on(&client).await.unwrap();
        let worker = worker(&client, &Ran::default()).await;
        let ends = events.filter(|event| std::future::ready(event.kind() == EventKind::Completed));
        let ends: Vec<_> =
            soon("the end", ends.map(|event| event.job_id().unwrap().to_string()).collect()).await;
        assert_eq!((ends.len(), ends.last().unwrap().as_str()), (5, "told.flow"), "{ends:?}");
        assert_eq!(handle.state().await.unwrap(), FlowState::Completed);
        assert_eq!(handle.events().await.unwrap().count().await, 0, "it is over");
        worker.stop().await.unwrap();
    })
    .await;
}
