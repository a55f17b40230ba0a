use asyncmq::task;

use asyncmq::State;
use std::cell::Cell;

#[task]
async fn send(cell: State<Cell<u8>>) -> Result<u8, String> {
    cell.set(1);
    Ok(1)
}

async fn signup() -> asyncmq::Result<u8> {
    send::enqueue().await?.result().await
}

fn main() {
    drop(signup());
}
