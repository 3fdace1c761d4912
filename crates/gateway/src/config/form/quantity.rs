//! The forms of quantities: durations, sizes, counts, factors, shares.

use super::{Form, Misread, number_like, text_like};
use crate::config::units::{self, ByteSize, NotAQuantity};
use contract::limits;
use contract::part::Rule;
use serde_json::{Value as Json, json};
use std::time::Duration;

impl Form for Duration {
    const NAME: &'static str = "a duration";

    fn allowed() -> String {
        "a whole number with a unit (ms, s, m, h, d), such as 250ms, 5s, 10m, 1h30m, 7d".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        units::duration(text).map_err(|error| with_unit(text, &error, "s"))
    }

    fn schema() -> Json {
        text_like("^([0-9]+(ms|s|m|h|d))+$")
    }
}

impl Form for ByteSize {
    const NAME: &'static str = "a size";

    fn allowed() -> String {
        "a whole number with a unit (B, kB, MB, GB, TB, KiB, MiB, GiB, TiB), such as 256KiB or 10GB"
            .to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        units::size(text).map_err(|error| with_unit(text, &error, "KiB"))
    }

    fn schema() -> Json {
        text_like("^[0-9]+ ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$")
    }
}

fn with_unit(text: &str, error: &NotAQuantity, unit: &str) -> Misread {
    let misread = Misread::new(error);
    match error {
        NotAQuantity::NoUnit => misread.help(format!("did you mean {text}{unit}?")),
        NotAQuantity::NoNumber | NotAQuantity::Unit { .. } | NotAQuantity::TooLarge => misread,
    }
}

/// A whole number between bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count<const MIN: usize, const MAX: usize>(pub usize);

impl<const MIN: usize, const MAX: usize> Form for Count<MIN, MAX> {
    const NAME: &'static str = "a number";

    fn allowed() -> String {
        format!("a whole number from {MIN} to {MAX}")
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let number = text.parse().map_err(|_| Misread::default())?;
        if (MIN..=MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Misread::instead("is out of range"))
        }
    }

    fn schema() -> Json {
        number_like(json!({ "type": "integer", "minimum": MIN, "maximum": MAX }))
    }
}

impl Form for Rule {
    const NAME: &'static str = "a rule";

    fn allowed() -> String {
        format!("all, any, or a whole number from 1 to {}", limits::FAN_OUT_MAX)
    }

    fn read(text: &str) -> Result<Self, Misread> {
        match text {
            "all" => Ok(Self::All),
            "any" => Ok(Self::Quorum(1)),
            number => match number.parse() {
                Ok(0) => Err(Misread::instead("is out of range")),
                Ok(count) if usize::from(count) <= limits::FAN_OUT_MAX => Ok(Self::Quorum(count)),
                Ok(_) => Err(Misread::instead("is out of range")),
                Err(_) => Err(Misread::default()),
            },
        }
    }

    fn schema() -> Json {
        json!({ "anyOf": [
            { "type": "string", "pattern": r"^(all|any)$|\$\{" },
            { "type": "integer", "minimum": 1, "maximum": limits::FAN_OUT_MAX }
        ] })
    }
}

/// How many times longer each wait is than the one before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Factor(pub f64);

impl Form for Factor {
    const NAME: &'static str = "a factor";

    fn allowed() -> String {
        "a number from 1 to 100, such as 2 or 1.5".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let number: f64 = text.parse().map_err(|_| Misread::default())?;
        if (1.0..=100.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(Misread::instead("is out of range"))
        }
    }

    fn schema() -> Json {
        number_like(json!({ "type": "number", "minimum": 1, "maximum": 100 }))
    }
}

/// A share of a whole, 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share(pub f64);

impl Form for Share {
    const NAME: &'static str = "a share";

    fn allowed() -> String {
        "from 0% to 100%, such as 20%".to_owned()
    }

    fn read(text: &str) -> Result<Self, Misread> {
        let number = text.strip_suffix('%').ok_or_else(|| Misread::new("the % is missing"))?;
        let number: f64 = number.trim_end().parse().map_err(|_| Misread::default())?;
        if (0.0..=100.0).contains(&number) {
            Ok(Self(number / 100.0))
        } else {
            Err(Misread::instead("is out of range"))
        }
    }

    fn schema() -> Json {
        text_like("^[0-9]+([.][0-9]+)? ?%$")
    }
}
