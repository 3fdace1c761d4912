//! jq expressions and templates: compiled once, run over messages, always bounded in time, memory and output.
//!
//! [`Program::compile`] checks an expression and proves, where it can, that it ends quickly ([`Program::is_bounded`]).
//! [`Runner::expression`] runs what is proven in the calling thread, and everything else in a child process with
//! limits ([`worker`]), which is killed at the deadline.
//!
//! # The language
//! jq as jaq implements it, with two differences, because all attempts of a delivery must send the same bytes:
//! - What depends on anything but the body does not exist: `now`, `localtime`, `strflocaltime`, `env`, `$ENV`, `input`,
//!   `inputs`, `input_filename`, `input_line_number`, `debug`, `stderr`, `halt`, `halt_error`, modules.
//! - An expression gives its first output. What JSON cannot say (`nan`, `infinite`, text that is not UTF-8) is an
//!   error instead of something similar.
//!
//! Numbers that an expression only moves keep their spelling (`1.0`, `1e2`, 40 digits), but for `-0`, which becomes `0`.

mod blueprint;
mod bound;
mod evaluate;
mod frame;
mod json;
mod nesting;
mod process;
mod program;
mod responses;
mod runner;
mod seen;
mod template;
mod turns;

mod vocabulary;
pub mod worker;

pub use blueprint::Blueprint;
pub use json::is_true;
pub use program::{CompileError, Program};
pub use runner::{Runner, RunnerOptions};
pub use template::Template;
