//! The forms of how fast a target may be called: calls in a time, calls at once.

use super::{Form, Misread, text_like};
use contract::limits;
use serde_json::{Value as Json, json};
use std::num::NonZeroU32;
use std::time::Duration;

/// So many calls in a second, a minute or an hour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub count: NonZeroU32,
    pub per: Duration,
}

impl Form for Pace {
    const NAME: &'static str = "a rate";

    fn allowed() -> String {
        format!("calls per s, m or h, such as 100/s, 300/m or 5000/h; at most {}", limits::RATE_MAX)
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let (count, unit) = text.split_once('/').ok_or_else(|| Misread::new("the unit is missing"))?;
        let per = match unit.trim() {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(Misread::new(format!("there is no unit `{}`", unit.trim()))),
        };
        let count = count.trim().parse().map_err(|_| Misread::new("a number is missing"))?;
        match NonZeroU32::new(count).filter(|count| count.get() <= limits::RATE_MAX) {
            Some(count) => Ok(Self { count, per: Duration::from_secs(per) }),
            None => Err(Misread::instead("is out of range")),
        }
    }

    fn schema() -> Json {
        text_like("^[0-9]+ ?/ ?[smh]$")
    }
}

/// So many calls at once, or as many as the target can take.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Calls {
    Fixed(usize),
    Adaptive,
}

impl Form for Calls {
    const NAME: &'static str = "a number or `adaptive`";

    fn allowed() -> String {
        format!("a whole number from 1 to {}, or adaptive", limits::WINDOW_ITEMS_MAX)
    }

    fn read(text: &str) -> Result<Self, Misread> {
        if text == "adaptive" {
            return Ok(Self::Adaptive);
        }
        let number = text.parse().map_err(|_| Misread::default())?;
        if (1..=limits::WINDOW_ITEMS_MAX).contains(&number) {
            Ok(Self::Fixed(number))
        } else {
            Err(Misread::instead("is out of range"))
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "integer", "minimum": 1, "maximum": limits::WINDOW_ITEMS_MAX },
            { "type": "string", "pattern": r"^adaptive$|\$\{" },
        ] })
    }
}
