//! What people see of a running process: metrics, logs, the live tail. All of it listens to `engine::happened`.

pub mod logs;
pub mod metrics;
pub mod tail;
