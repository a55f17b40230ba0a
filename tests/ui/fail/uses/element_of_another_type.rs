//! A job for each element of a list takes elements of another type, and another one of what is no list.

use asyncmq::{Flow, task};

#[task]
async fn numbers(count: u32) -> Vec<u32> {
    (0..count).collect()
}

#[task]
async fn shout(word: String) -> String {
    word.to_uppercase()
}

fn main() {
    let mut flow = Flow::new();
    let numbers = flow.add(numbers::job(3_u32));
    let words = flow.map(&numbers, |number| shout::with(number));
    let word = flow.add(shout::job("a"));
    let _ = (words, flow.map(&word, |letter| shout::with(letter)));
}
