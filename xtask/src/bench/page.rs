//! The section of bench/RESULTS.md: a heading with the machine, then tables.

use std::fmt::Write;

/// A section that grows row by row.
pub(super) struct Page {
    text: String,
}

impl Page {
    pub(super) fn begin(machine: &str) -> Self {
        Self { text: format!("## {machine}\n") }
    }

    /// Begins a table.
    pub(super) fn table(&mut self, title: &str, columns: &[&str]) {
        let rule = "|---".repeat(columns.len());
        write!(self.text, "\n{title}\n\n| {} |\n{rule}|\n", columns.join(" | ")).ok();
    }

    /// Adds a row to the table, and shows it to whoever waits.
    pub(super) fn row(&mut self, cells: &[String]) {
        let row = format!("| {} |", cells.join(" | "));
        eprintln!("{row}");
        self.text.push_str(&row);
        self.text.push('\n');
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// The middle value; 0 of none.
pub(super) fn median(values: &[f64]) -> f64 {
    percentile(values, 50)
}

/// The value below which `percent` of the values lie; 0 of none.
pub(super) fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (sorted.len() * percent).div_ceil(100).max(1) - 1;
    sorted.get(rank).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_measured() {
        let values = [5.0, 1.0, 4.0, 2.0, 3.0];
        assert_eq!(median(&values), 3.0);
        assert_eq!(percentile(&values, 99), 5.0);
        assert_eq!(percentile(&values, 1), 1.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }

    #[test]
    fn a_table_is_markdown() {
        let mut page = Page::begin("a machine");
        page.table("What", &["a", "b"]);
        page.row(&["1".to_owned(), "2".to_owned()]);
        assert_eq!(page.text(), "## a machine\n\nWhat\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
    }
}
