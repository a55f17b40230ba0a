//! asyncmq
