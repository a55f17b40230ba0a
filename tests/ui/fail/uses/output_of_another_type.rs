//! The output of one job is given to another one as an argument of another type.

use asyncmq::{Flow, task};

#[task]
async fn weigh(part: String) -> u32 {
    part.len() as u32
}

#[task]
async fn ship(address: String, grams: Vec<u32>) {
    let _ = (address, grams);
}

fn main() {
    let mut flow = Flow::new();
    let grams = flow.add(weigh::job("lamp"));
    flow.add(ship::with(&grams, [&grams]));
}
