//! What a start and a check refuse, and what they take for what a crash left.

use crate::sqlite::options;
use crate::world::{Kind, World, leased};
use std::path::Path;
use stores::sqlite::verify::verify;
use stores::sqlite::{Inline, OpenError, Torn, Unfit};

/// What a start says; `fanlight check` says the same.
fn refusal(folder: &Path) -> OpenError {
    let refused = Inline::open(folder, options()).err().expect("refused");
    if !matches!(refused, OpenError::InUse { .. } | OpenError::Torn { why: Torn::Unlisted, .. }) {
        let looked = stores::sqlite::look(folder).expect_err("refused by a look too");
        assert_eq!(looked.to_string(), refused.to_string());
    }
    refused
}

#[tokio::test]
async fn a_folder_is_opened_by_one_at_a_time() {
    let world = World::new(Kind::Sqlite).await;
    let error = refusal(&world.path());
    assert!(matches!(error, OpenError::InUse { .. }));
    assert!(error.to_string().contains("in use by another process"), "{error}");
    drop(world);
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_nothing_is_written() {
    for (file, version) in [("catalog.db", 1), ("slice-000001.db", 4), ("carried.db", 4)] {
        let mut world = World::new(Kind::Inline).await;
        world.stop();
        let path = world.path().join(file);
        rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
        let before = std::fs::read(&path).unwrap();
        let error = refusal(&world.path());
        assert!(matches!(error, OpenError::Newer { found: 99, known, .. } if known == version), "{error}");
        assert!(error.to_string().contains("newer Fanlight"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
}

#[test]
fn a_folder_of_something_else_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::Unfit { why: Unfit::Foreign, .. }));
    std::fs::write(
        folder.path().join("catalog.db"),
        "no database, but long enough to be read as a header ".repeat(9),
    )
    .unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::Unfit { why: Unfit::Foreign, .. }));
    let other = folder.path().join("catalog.db");
    std::fs::remove_file(&other).unwrap();
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs(x)").unwrap();
    let before = std::fs::read(&other).unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::Unfit { why: Unfit::Foreign, .. }));
    assert_eq!(std::fs::read(&other).unwrap(), before);
    assert!(!folder.path().join("lock").exists(), "something was made in a folder that is not ours");
    assert_eq!(std::fs::read(folder.path().join("thesis.txt")).unwrap(), b"mine");
    let file = folder.path().join("thesis.txt");
    assert!(matches!(refusal(&file), OpenError::Unfit { why: Unfit::NotAFolder, .. }));
    let error = Inline::open(Path::new("/proc/nowhere/data"), options()).err().expect("refused");
    assert!(matches!(error, OpenError::Unfit { why: Unfit::NotMade { .. }, .. }), "{error}");
}

#[tokio::test]
async fn a_catalog_that_is_gone_or_damaged_beside_slices_is_to_be_restored() {
    for (bytes, damaged) in [(None, false), (Some(vec![0xff; 16384]), true), (Some(Vec::new()), false)] {
        let mut world = World::new(Kind::Inline).await;
        world.keep(vec![leased("crm")]).await;
        world.stop();
        let path = world.path().join("catalog.db");
        std::fs::remove_file(&path).unwrap();
        if let Some(bytes) = &bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = refusal(&world.path());
        assert_eq!(matches!(error, OpenError::Damaged { .. }), damaged, "{error}");
        let said = error.to_string();
        assert!(said.contains("catalog.db") && said.contains("restore it from a copy"), "{said}");
        assert_eq!(std::fs::read(&path).ok(), bytes, "nothing was changed");
    }
}

#[tokio::test]
async fn a_missing_slice_is_named() {
    let mut world = World::new(Kind::Inline).await;
    world.stop();
    std::fs::remove_file(world.path().join("slice-000001.db")).unwrap();
    let error = refusal(&world.path());
    assert!(matches!(error, OpenError::Torn { why: Torn::Missing, .. }), "{error}");
    assert!(error.to_string().contains("slice-000001.db"));
}

#[tokio::test]
async fn a_file_that_lost_everything_is_refused_and_verify_calls_it_damaged() {
    for (file, word) in [
        ("slice-000001.db", "empty"),
        ("carried.db", "empty"),
        ("catalog.db", "empty"),
        ("carried.db", "missing"),
    ] {
        let mut world = World::new(Kind::Inline).await;
        world.keep(vec![leased("crm")]).await;
        world.stop();
        let path = world.path().join(file);
        if word == "empty" {
            std::fs::write(&path, "").unwrap();
        } else {
            std::fs::remove_file(&path).unwrap();
        }
        let log = world.path().join(format!("{file}-wal"));
        std::fs::write(&log, "may be all that is left").unwrap();
        let error = refusal(&world.path());
        assert!(error.to_string().contains(file) && error.to_string().contains("restore"), "{error}");
        assert!(
            matches!(
                error,
                OpenError::Torn { why: Torn::Empty, .. } | OpenError::Torn { why: Torn::Missing, .. }
            ),
            "{error}"
        );
        let report = verify(&world.path(), &mut |_| {}).unwrap();
        assert!(
            report.findings.iter().any(|one| (one.file.as_str(), one.damage.word()) == (file, word)),
            "{report:?}"
        );
        assert_eq!(std::fs::metadata(&path).map_or(0, |file| file.len()), 0, "{file} was written");
        assert!(log.exists(), "the log of {file} is gone");
    }
}

#[tokio::test]
async fn a_file_without_tables_is_refused() {
    let mut world = World::new(Kind::Inline).await;
    world.stop();
    let path = world.path().join("slice-000001.db");
    std::fs::remove_file(&path).unwrap();
    rusqlite::Connection::open(&path).unwrap().execute_batch("VACUUM; PRAGMA journal_mode = WAL").unwrap();
    assert!(matches!(refusal(&world.path()), OpenError::Torn { why: Torn::Empty, .. }));
}

#[test]
fn a_crash_in_the_first_start_is_no_damage() {
    let first = tempfile::tempdir().unwrap();
    drop(Inline::open(first.path(), options()).unwrap());
    rusqlite::Connection::open(first.path().join("catalog.db"))
        .unwrap()
        .execute_batch("DELETE FROM slice")
        .unwrap();
    // What there is at each moment, the last file made only in part.
    for (files, part) in [
        (&[][..], "catalog.db"),
        (&["catalog.db"][..], "carried.db"),
        (&["catalog.db", "carried.db"][..], "slice-000001.db"),
        (&["catalog.db", "carried.db", "slice-000001.db"][..], ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::copy(first.path().join(file), folder.path().join(file)).unwrap();
        }
        if !part.is_empty() {
            std::fs::write(folder.path().join(part), "").unwrap();
        }
        drop(
            Inline::open(folder.path(), options())
                .unwrap_or_else(|error| panic!("{files:?} {part}: {error}")),
        );
        drop(Inline::open(folder.path(), options()).unwrap());
    }
}

#[tokio::test]
async fn a_slice_that_the_catalog_does_not_list_is_removed_only_when_it_is_empty() {
    let mut world = World::new(Kind::Inline).await;
    world.keep(vec![leased("crm")]).await;
    world.stop();
    let [listed, other] = ["slice-000001.db", "slice-000007.db"].map(|file| world.path().join(file));
    std::fs::write(&other, "").unwrap();
    world.crash().await;
    assert!(!other.exists());
    world.stop();
    rusqlite::Connection::open(&listed).unwrap().execute("VACUUM INTO ?1", [other.to_str()]).unwrap();
    let error = refusal(&world.path());
    assert!(matches!(error, OpenError::Torn { why: Torn::Unlisted, .. }), "{error}");
    assert!(other.exists());
}
