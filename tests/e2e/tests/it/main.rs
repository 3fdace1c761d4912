//! The real binary: killed, starved of disk, and faced with APIs that misbehave.

mod crash;
mod damage;
mod disk_full;
mod examples;
mod failed_sync;
mod faults;
mod injection;
mod integrity;
mod message_signatures;
mod primary;
mod replay;
mod second_signal;
mod secrets;
mod signatures;
mod soak;
mod sync_before_answer;
