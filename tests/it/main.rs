//! What asyncmq promises, seen from outside.

mod conformance;
mod support;
