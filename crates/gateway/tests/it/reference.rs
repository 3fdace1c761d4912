//! Whether `docs/reference` says what the program says.

use gateway::reference::pages;
use std::fs;
use std::path::Path;

/// With `UPDATE=1` the pages are written instead: `cargo xtask generate`.
#[test]
#[expect(clippy::disallowed_methods, reason = "the switch of a developer, not a setting of the program")]
fn the_committed_reference_is_what_the_program_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let update = std::env::var("UPDATE").is_ok_and(|value| value == "1");
    let mut stale = Vec::new();
    for page in pages().expect("every page can be made") {
        let path = folder.join(page.name);
        if fs::read_to_string(&path).is_ok_and(|committed| committed == page.text) {
            continue;
        }
        if update {
            fs::write(&path, &page.text).expect("docs/reference can be written");
        } else {
            stale.push(page.name);
        }
    }
    assert!(
        stale.is_empty(),
        "out of date in docs/reference: {stale:?}; run `cargo xtask generate` and commit what it writes"
    );
}

/// Every metric of a page is registered and sampled, so that its type and labels are known.
#[test]
fn every_metric_of_the_reference_has_a_type_and_a_meaning() {
    let pages = pages().expect("every page can be made");
    let metrics = pages.iter().find(|page| page.name == "metrics.md").expect("there is such a page");
    let rows: Vec<&str> = metrics.text.lines().filter(|line| line.starts_with("| `fanlight_")).collect();
    assert!(
        rows.iter().any(|row| row.starts_with("| `fanlight_oldest_due_seconds` | gauge | `target` |")),
        "{rows:?}"
    );
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert!(!cells[2].is_empty() && !cells[4].is_empty(), "{row}");
    }
}
