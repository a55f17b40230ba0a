//! The attribute macro of `asyncmq`; its manual is on `asyncmq::task`.
