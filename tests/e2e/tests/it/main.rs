//! The real binary: killed, starved of disk, and faced with APIs that misbehave.

mod crash;
mod damage;
mod disk_full;
mod failed_sync;
mod faults;
mod integrity;
mod sync_before_answer;
