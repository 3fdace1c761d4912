//! The section of bench/RESULTS.md: a heading with the machine, then tables.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;

/// A section that grows row by row; what a run that is broken off has measured is kept.
pub(super) struct Page {
    text: String,
    kept_in: Option<File>,
}

impl Page {
    /// Begins with the machine; goes to a file, if one is given.
    pub(super) fn begin(machine: &str, kept_in: Option<File>) -> Result<Self> {
        let mut page = Self { text: String::new(), kept_in };
        page.add(&format!("\n## {machine}\n"))?;
        Ok(page)
    }

    /// Begins a table.
    pub(super) fn table(&mut self, title: &str, columns: &[&str]) -> Result<()> {
        let rule = "|---".repeat(columns.len());
        self.add(&format!("\n{title}\n\n| {} |\n{rule}|\n", columns.join(" | ")))
    }

    /// Adds a row to the table, and shows it to whoever waits.
    pub(super) fn row(&mut self, cells: &[String]) -> Result<()> {
        let row = format!("| {} |", cells.join(" | "));
        eprintln!("{row}");
        self.add(&format!("{row}\n"))
    }

    pub(super) fn text(&self) -> &str {
        self.text.trim_start()
    }

    fn add(&mut self, text: &str) -> Result<()> {
        self.text.push_str(text);
        let Some(file) = &mut self.kept_in else { return Ok(()) };
        file.write_all(text.as_bytes()).context("the results cannot be appended")
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
    fn a_table_is_markdown_and_in_the_file_as_soon_as_it_is_measured() -> Result<()> {
        let path = std::env::temp_dir().join(format!("fanlight-bench-page-{}", std::process::id()));
        let mut page = Page::begin("a machine", Some(File::create(&path)?))?;
        page.table("What", &["a", "b"])?;
        page.row(&["1".to_owned(), "2".to_owned()])?;
        let kept = std::fs::read_to_string(&path)?;
        std::fs::remove_file(&path)?;
        assert_eq!(kept, "\n## a machine\n\nWhat\n\n| a | b |\n|---|---|\n| 1 | 2 |\n");
        assert_eq!(page.text(), kept.trim_start());
        Ok(())
    }
}
