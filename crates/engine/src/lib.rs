//! The rules of delivery: accept, route, dispatch, deliver, settle. One file per verb; what decides is pure.

mod commit;
pub mod deliver;
pub mod dispatch;
pub mod engine;
pub mod happened;
pub mod intake;
pub mod plan;
pub mod policy;
pub mod redrive;
pub mod route;
pub mod settle;
pub mod status;
pub mod verdict;
pub mod watch;

pub use engine::{Doors, Engine, Settings};
