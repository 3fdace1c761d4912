//! Tables without lines, whose words may have colours.

use super::{HEADING, plain, style_of};
use anstyle::Style;
use comfy_table::{CellAlignment, presets};
use std::fmt;

/// The longest text of a cell, in characters; a longer one is cut.
const CELL_CHARS_MAX: usize = 100;

/// Rows under a heading.
pub(in crate::cli) struct Table<const N: usize> {
    heading: Option<[&'static str; N]>,
    rows: Vec<[Cell; N]>,
}

/// One cell of a row.
pub(in crate::cli) struct Cell {
    text: String,
    style: Style,
    alignment: CellAlignment,
}

impl<const N: usize> Table<N> {
    pub(in crate::cli) fn new(heading: [&'static str; N]) -> Self {
        Self { heading: Some(heading), rows: Vec::new() }
    }

    /// Without a heading: names and values.
    pub(in crate::cli) fn bare() -> Self {
        Self { heading: None, rows: Vec::new() }
    }

    pub(in crate::cli) fn row(&mut self, row: [Cell; N]) {
        self.rows.push(row);
    }

    fn plain(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        if let Some(heading) = self.heading {
            table.set_header(heading);
        }
        for row in &self.rows {
            table.add_row(
                row.iter().map(|cell| comfy_table::Cell::new(&cell.text).set_alignment(cell.alignment)),
            );
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        table
    }
}

impl Cell {
    /// Text of others, made fit for one line.
    pub(in crate::cli) fn text(text: &str) -> Self {
        let text = plain(text);
        let text = match text.char_indices().nth(CELL_CHARS_MAX) {
            Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
            None => text.into_owned(),
        };
        Self { text, style: Style::new(), alignment: CellAlignment::Left }
    }

    /// What this program wrote itself.
    pub(in crate::cli) fn shown(value: impl fmt::Display) -> Self {
        Self::text(&value.to_string())
    }

    /// A word in its colour.
    pub(in crate::cli) fn word(word: &str) -> Self {
        Self { style: style_of(word), ..Self::text(word) }
    }

    /// A number or a duration, to the right.
    pub(in crate::cli) fn number(value: impl fmt::Display) -> Self {
        Self { alignment: CellAlignment::Right, ..Self::shown(value) }
    }

    /// What may be missing.
    pub(in crate::cli) fn maybe(value: Option<impl fmt::Display>) -> Self {
        value.map_or_else(|| Self::text(""), Self::shown)
    }

    pub(in crate::cli) fn styled(self, style: Style) -> Self {
        Self { style, ..self }
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    /// Ends with a line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.plain().trim_fmt();
        let mut lines = text.lines();
        if self.heading.is_some() {
            writeln!(f, "{HEADING}{}{HEADING:#}", lines.next().unwrap_or_default())?;
        }
        // Every cell is one line, so that each row is one.
        for (line, row) in lines.zip(&self.rows) {
            colour(f, line, row)?;
        }
        Ok(())
    }
}

/// Finds each cell's text again and puts its style around it: colours have no width, but the table would count their bytes.
fn colour(f: &mut fmt::Formatter<'_>, line: &str, row: &[Cell]) -> fmt::Result {
    let mut rest = line;
    for Cell { text, style, .. } in row.iter().filter(|cell| !cell.text.trim().is_empty()) {
        if let Some((before, after)) = rest.split_once(text.trim_end()) {
            write!(f, "{before}{style}{}{style:#}", text.trim_end())?;
            rest = after;
        }
    }
    writeln!(f, "{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_change_nothing_about_the_places_of_words() {
        let mut table = Table::new(["target", "state", "attempts"]);
        table.row([Cell::text("dead"), Cell::word("dead"), Cell::number(12)]);
        table.row([Cell::text("überlang"), Cell::word("delivered"), Cell::number(1)]);
        let coloured = table.to_string();
        assert_eq!(
            anstream::adapter::strip_str(&coloured).to_string(),
            "target    state      attempts\ndead      dead             12\nüberlang  delivered         1\n"
        );
        assert!(coloured.contains("dead      \u{1b}[31mdead\u{1b}[0m"), "{coloured:?}");
    }

    #[test]
    fn a_cell_is_one_line_however_its_text_is() {
        let mut table = Table::bare();
        table.row([Cell::text("a\nb"), Cell::text(&"x".repeat(1000))]);
        assert_eq!(table.to_string(), format!("a\u{fffd}b  {}…\n", "x".repeat(CELL_CHARS_MAX)));
    }
}
