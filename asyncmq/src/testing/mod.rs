//! Tests of programs that use tasks, without a server and without sleeping.
//!
//! A [`TestClient`] is a client with an in-memory store of its own, whose time stands still until it is moved. Within its
//! [`scope`](TestClient::scope), `enqueue()` goes there by itself.
//!
//! ```standalone_crate
//! use asyncmq::{assert_enqueued, task, testing};
//!
//! #[task(queue = "email", retries = 2)]
//! async fn send_welcome(to: String) -> String {
//!     format!("welcome, {to}")
//! }
//!
//! async fn sign_up(address: &str) -> asyncmq::Result<()> {
//!     send_welcome::enqueue(address).await?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> asyncmq::Result<()> {
//! testing::scope(async |test| {
//!     sign_up("ann@example.com").await?;
//!     assert_enqueued!(send_welcome { to: "ann@example.com" });
//!
//!     let drained = test.drain().await?;
//!     assert_eq!(drained.completed, 1);
//!     Ok(())
//! })
//! .await
//! # }
//! ```

mod client;
mod context;
mod drain;
mod enqueued;

pub use client::{TestClient, client, inline, scope};
pub use context::{ContextBuilder, context, perform};
pub use drain::Drained;
pub use enqueued::enqueued;
#[doc(hidden)]
pub use enqueued::{Jobs, not_enqueued};
