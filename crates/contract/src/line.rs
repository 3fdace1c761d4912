//! The lines in which deliveries wait for one target: by priority, first attempts apart from the rest.

use serde::{Deserialize, Serialize};

/// How urgent a delivery is. Codes are part of the schema.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Priority {
    /// Before the others, but never instead of them.
    High = 0,
    /// What nothing else is said of.
    #[default]
    Normal = 1,
    /// After the others, but always moving.
    Low = 2,
}

impl Priority {
    /// Every priority, in order of code.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Back from the code that a store kept.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| *priority as u8 == code)
    }

    /// The word in a header, in the configuration and on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }

    /// Back from the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.word() == word)
    }
}

/// Whether a delivery has been tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Turn {
    /// Not yet.
    First,
    /// In this run or an earlier one.
    Again,
}

impl Turn {
    /// By the attempts of this run that are counted, and the run.
    #[must_use]
    pub const fn of(attempts: u32, run: u32) -> Self {
        if attempts > 0 || run > 1 { Self::Again } else { Self::First }
    }
}

/// One line of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Line {
    /// Of everything in it.
    pub priority: Priority,
    /// Of everything in it.
    pub turn: Turn,
}

impl Line {
    /// Every line, in the order of [`Lines`].
    pub const ALL: [Self; 6] = [
        Self { priority: Priority::High, turn: Turn::First },
        Self { priority: Priority::High, turn: Turn::Again },
        Self { priority: Priority::Normal, turn: Turn::First },
        Self { priority: Priority::Normal, turn: Turn::Again },
        Self { priority: Priority::Low, turn: Turn::First },
        Self { priority: Priority::Low, turn: Turn::Again },
    ];
}

/// One thing for each line.
///
/// ```
/// use contract::line::{Line, Lines};
/// let mut counts: Lines<u32> = Lines::default();
/// *counts.of_mut(Line::ALL[3]) += 2;
/// assert_eq!((*counts.of(Line::ALL[3]), counts.iter().map(|(_, count)| count).sum::<u32>()), (2, 2));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines<T>([Pair<T>; 3]);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pair<T> {
    first: T,
    again: T,
}

impl<T> Lines<T> {
    /// The thing of this line.
    pub const fn of(&self, line: Line) -> &T {
        let [high, normal, low] = &self.0;
        let pair = match line.priority {
            Priority::High => high,
            Priority::Normal => normal,
            Priority::Low => low,
        };
        match line.turn {
            Turn::First => &pair.first,
            Turn::Again => &pair.again,
        }
    }

    /// The same, to change it.
    pub const fn of_mut(&mut self, line: Line) -> &mut T {
        let [high, normal, low] = &mut self.0;
        let pair = match line.priority {
            Priority::High => high,
            Priority::Normal => normal,
            Priority::Low => low,
        };
        match line.turn {
            Turn::First => &mut pair.first,
            Turn::Again => &mut pair.again,
        }
    }

    /// Each line with its thing.
    pub fn iter(&self) -> impl Iterator<Item = (Line, &T)> {
        Line::ALL.into_iter().map(|line| (line, self.of(line)))
    }
}

impl<T: Copy + Ord> Lines<Option<T>> {
    /// The least of all lines.
    #[must_use]
    pub fn earliest(&self) -> Option<T> {
        self.iter().filter_map(|(_, one)| *one).min()
    }

    /// Notes one more in a line: the least stays.
    pub fn note(&mut self, line: Line, one: Option<T>) {
        let known = self.of_mut(line);
        *known = (*known).into_iter().chain(one).min();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_on_disk_never_change_and_words_come_back() {
        assert_eq!(Priority::ALL.map(|priority| priority as u8), [0, 1, 2]);
        for priority in Priority::ALL {
            assert_eq!(Priority::from_code(priority as u8), Some(priority));
            assert_eq!(Priority::from_word(priority.word()), Some(priority));
        }
        assert_eq!((Priority::from_code(3), Priority::from_word("High")), (None, None));
    }

    #[test]
    fn each_line_has_a_thing_of_its_own() {
        let mut lines: Lines<Option<u8>> = Lines::default();
        for (line, n) in Line::ALL.into_iter().zip(1..) {
            lines.note(line, Some(n + 10));
            lines.note(line, Some(n));
            lines.note(line, None);
        }
        let all: Vec<_> = lines.iter().map(|(_, one)| one.unwrap()).collect();
        assert_eq!((all, lines.earliest()), (vec![1, 2, 3, 4, 5, 6], Some(1)));
    }
}
