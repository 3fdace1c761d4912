//! The outside systems that messages come from and go to: one folder per system.

pub mod http;
pub mod presets;
