//! Which targets a message goes to, and how each delivery begins.

use crate::plan::{Ray, Route};
use bytes::Bytes;
use contract::delivery::{Death, Standing};
use contract::expression::Fault;
use contract::store::{OrderKey, Start};
use contract::{Message, Timestamp, limits};

/// Decides how each delivery of the message begins. `Leased` here is a wish: the lane and the store may say no.
pub(crate) async fn starts(route: &Route, message: &Message) -> Vec<Start> {
    let mut starts = Vec::with_capacity(route.rays.len());
    let key = match &route.key {
        Some(key) => order_key(key.evaluate(message.body.clone()).await),
        None => Ok(None),
    };
    for ray in &route.rays {
        let standing = match &ray.when {
            Some(when) => filtered(when.evaluate(message.body.clone()).await, ray, message.received),
            None => unfiltered(ray, message.received),
        };
        let standing = if key.is_err() { Standing::Dead(Death::Config) } else { standing };
        let key = key.clone().unwrap_or_default();
        starts.push(Start { target: ray.lane.name.clone(), standing, key, shape: ray.shape });
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

/// The key as text: a JSON string without its quotes, anything else as it is written. `null` and no output: no order is asked for.
fn order_key(said: Result<Bytes, Fault>) -> Result<Option<OrderKey>, Fault> {
    let json = match said {
        Ok(json) => json,
        Err(Fault::Empty) => return Ok(None),
        Err(fault) => return Err(fault),
    };
    let text = match serde_json::from_slice(&json) {
        Ok(serde_json::Value::Null) => return Ok(None),
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => String::from_utf8_lossy(&json).into_owned(),
    };
    if (1..=limits::ORDER_KEY_BYTES_MAX).contains(&text.len()) {
        return Ok(Some(OrderKey(text.into())));
    }
    let bound =
        format!("an order key has 1 to {} bytes, this one {}", limits::ORDER_KEY_BYTES_MAX, text.len());
    Err(Fault::Exceeded { bound })
}

/// As jq sees it: everything but `null` and `false`.
fn is_true(json: &[u8]) -> bool {
    !matches!(json.trim_ascii(), b"null" | b"false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_key_is_text_and_bounded() {
        let key = |json: &'static str| order_key(Ok(json.into())).map(|key| key.map(|key| key.0.to_string()));
        assert_eq!(key("\"a b\""), Ok(Some("a b".to_owned())));
        assert_eq!(key("17"), Ok(Some("17".to_owned())));
        assert_eq!(key("null"), Ok(None));
        assert_eq!(order_key(Err(Fault::Empty)), Ok(None));
        assert!(key("\"\"").is_err());
    }

    #[test]
    fn only_null_and_false_are_false() {
        for (json, truth) in
            [("true", true), ("0", true), ("\"\"", true), ("null", false), (" false\n", false)]
        {
            assert_eq!(is_true(json.as_bytes()), truth, "{json}");
        }
    }
}
