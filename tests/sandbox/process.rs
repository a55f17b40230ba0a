//! Children of real worker processes.
