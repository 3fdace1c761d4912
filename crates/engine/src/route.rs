//! Which targets a message goes to, and how each delivery begins.

use crate::plan::{Ray, Route};
use bytes::Bytes;
use contract::delivery::{Death, Standing};
use contract::expression::Fault;
use contract::store::Start;
use contract::{Message, Timestamp};

/// Decides how each delivery of the message begins. `Leased` here is a wish: the lane and the store may say no.
pub(crate) async fn starts(route: &Route, message: &Message) -> Vec<Start> {
    let mut starts = Vec::with_capacity(route.rays.len());
    for ray in &route.rays {
        let standing = match &ray.when {
            Some(when) => filtered(when.evaluate(message.body.clone()).await, ray, message.received),
            None => unfiltered(ray, message.received),
        };
        starts.push(Start { target: ray.lane.name.clone(), standing, key: None, shape: ray.shape });
    }
    starts
}

fn unfiltered(ray: &Ray, now: Timestamp) -> Standing {
    if ray.first_wait.is_zero() { Standing::Leased } else { Standing::Due(now + ray.first_wait) }
}

fn filtered(said: Result<Bytes, Fault>, ray: &Ray, now: Timestamp) -> Standing {
    match said {
        Ok(json) if is_true(&json) => unfiltered(ray, now),
        Ok(_) | Err(Fault::Empty) => Standing::Skipped,
        Err(Fault::NotJson { .. } | Fault::Raised { .. } | Fault::Exceeded { .. } | Fault::Busy { .. }) => {
            Standing::Dead(Death::Config)
        }
    }
}

/// As jq sees it: everything but `null` and `false`.
fn is_true(json: &[u8]) -> bool {
    !matches!(json.trim_ascii(), b"null" | b"false")
}

#[cfg(test)]
mod tests {
    use super::is_true;

    #[test]
    fn only_null_and_false_are_false() {
        for (json, truth) in
            [("true", true), ("0", true), ("\"\"", true), ("null", false), (" false\n", false)]
        {
            assert_eq!(is_true(json.as_bytes()), truth, "{json}");
        }
    }
}
