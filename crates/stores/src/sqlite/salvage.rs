//! What of a reply holds although some slices could not be committed.

use super::place::Number;
use super::work::{Answered, Reply, Work};
use contract::store::Fault;
use std::collections::BTreeSet;

/// What of a reply holds although the commit of some slices failed. The whole call may be made again: what was done is
/// then answered as done before.
pub(super) fn salvage(work: &Work, reply: Reply, left_out: &BTreeSet<Number>) -> Answered {
    match (work, reply) {
        (Work::Settle(_, batch), _)
            if batch.iter().any(|one| left_out.contains(&Number::of(one.position))) =>
        {
            Err(Fault::Full)
        }
        (Work::Change(_), _) => Err(Fault::Full),
        (_, Reply::Claimed(mut claimed)) => {
            for one in &mut claimed {
                one.leases.retain(|lease| !left_out.contains(&Number::of(lease.position)));
            }
            Ok(Reply::Claimed(claimed))
        }
        (_, reply) => Ok(reply),
    }
}
