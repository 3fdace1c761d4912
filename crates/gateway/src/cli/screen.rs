//! How things look on a terminal: colours of words, times, durations, and text that others wrote.

mod table;

pub(super) use table::{Cell, Table};

use super::answers::Moment;
use anstyle::{AnsiColor, Style};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// For headings.
pub(super) const HEADING: Style = Style::new().bold();
/// For what is of less interest.
pub(super) const FAINT: Style = Style::new().dimmed();

/// The colour of a word that says how something stands.
pub(super) fn style_of(word: &str) -> Style {
    match word {
        "delivered" | "succeeded" | "open" => AnsiColor::Green.on_default(),
        "dead" | "failed" | "partially_failed" | "expired" => AnsiColor::Red.on_default(),
        "accepted" | "pending" | "running" | "in_flight" | "retrying" | "held" => {
            AnsiColor::Yellow.on_default()
        }
        "cancelled" | "skipped" => FAINT,
        _ => Style::new(),
    }
}

/// A text in a style.
pub(super) fn styled(style: Style, text: impl fmt::Display) -> impl fmt::Display {
    fmt::from_fn(move |f| write!(f, "{style}{text}{style:#}"))
}

/// A word in its colour.
pub(super) fn word(word: &str) -> impl fmt::Display {
    styled(style_of(word), plain(word).into_owned())
}

/// Text that came from elsewhere, on one line: control characters there must not reach a terminal.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// The same for text of many lines.
pub(super) fn plain_lines(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

/// A moment, to the second.
pub(super) fn moment(moment: Moment) -> impl fmt::Display {
    moment.0.strftime("%Y-%m-%d %H:%M:%SZ")
}

/// A duration, as exact as a person wants it: three digits or two units.
pub(super) fn brief(time: Duration) -> impl fmt::Display {
    fmt::from_fn(move |f| {
        let (seconds, micros) = (time.as_secs(), time.subsec_micros());
        match seconds {
            0 if micros < 10_000 => write!(f, "{}.{} ms", micros / 1000, micros % 1000 / 100),
            0 => write!(f, "{} ms", micros / 1000),
            1..60 => write!(f, "{seconds}.{} s", micros / 100_000),
            60..3600 => two(f, [seconds / 60, seconds % 60], ["m", "s"]),
            3600..86_400 => two(f, [seconds / 3600, seconds % 3600 / 60], ["h", "m"]),
            86_400.. => two(f, [seconds / 86_400, seconds % 86_400 / 3600], ["d", "h"]),
        }
    })
}

fn two(f: &mut fmt::Formatter<'_>, [large, small]: [u64; 2], [unit, part]: [&str; 2]) -> fmt::Result {
    if small == 0 { write!(f, "{large}{unit}") } else { write!(f, "{large}{unit} {small}{part}") }
}

/// A number with its noun.
pub(super) fn count(number: impl Into<u64>, one: &str, many: &str) -> String {
    match number.into() {
        1 => format!("1 {one}"),
        number => format!("{number} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_three_digits_or_two_units() {
        let cases = [
            (0, "0.0 ms"),
            (1_234, "1.2 ms"),
            (12_345, "12 ms"),
            (999_999, "999 ms"),
            (1_000_000, "1.0 s"),
            (59_960_000, "59.9 s"),
            (60_000_000, "1m"),
            (125_000_000, "2m 5s"),
            (7_200_000_000, "2h"),
            (90_000_000_000, "1d 1h"),
        ];
        for (micros, shown) in cases {
            assert_eq!(brief(Duration::from_micros(micros)).to_string(), shown);
        }
    }

    #[test]
    fn control_characters_of_others_do_not_reach_the_terminal() {
        assert_eq!(plain("a\u{1b}[31mb\nc"), "a\u{fffd}[31mb\u{fffd}c");
        assert_eq!(plain_lines("a\u{1b}[0m\n\tb\r\n"), "a\u{fffd}[0m\n\tb\u{fffd}\n");
    }
}
