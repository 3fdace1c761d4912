//! The rules of delivery: accept, route, dispatch, deliver, settle. One file per verb; what decides is pure.

mod apply;
mod cancel;
mod commit;
mod deadlines;
mod deliver;
pub mod dispatch;
mod done;
pub mod engine;
mod expire;
mod forget;
pub mod happened;
pub mod holds;
mod hosts;
mod intake;
pub mod offer;
pub mod plan;
pub mod policy;
pub mod probe;
pub mod redrive;
mod release;
pub mod replay;
mod responses;
pub mod route;
mod settle;
pub mod shape;
mod start;
pub mod status;
mod tasks;
pub mod verdict;
mod wake;
pub mod watch;

pub use engine::{Doors, Engine, Settings};
