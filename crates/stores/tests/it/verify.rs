//! What `verify` finds in a store that somebody or something has damaged.

use crate::world::{Kind, World, due, keyed, leased, once};
use contract::delivery::{Death, Standing};
use contract::part::Rule;
use contract::query::{Change, Edit};
use contract::store::{Accept, Accepted};
use contract::{DeliveryId, MessageId};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use stores::sqlite::verify::{FINDINGS_MAX, Finding, Report, verify};
use stores::sqlite::{OpenError, Sqlite, Unfit};

const SLICE: &str = "slice-000001.db";

fn check(folder: &Path) -> Report {
    verify(folder, &mut |_| {}).unwrap()
}

/// A store with a little of everything; gives one message, whose first delivery is dead after two attempts and was edited.
async fn full_world(kind: Kind) -> (World, MessageId, DeliveryId) {
    let world = World::new(kind).await;
    let message = Arc::new(world.message(b"the one that is looked at"));
    let deliveries = vec![due("crm", world.now()), due("mailing", world.now())];
    let item = Accept { message: message.clone(), deliveries, once: once("key", 1), rule: Rule::All };
    let Accepted::New { position, .. } = world.accept_one(item).await else { panic!("not new") };
    for standing in [Standing::Due(world.now()), Standing::Dead(Death::Exhausted)] {
        assert_eq!(world.claim("crm", 1).await.leases.len(), 1);
        world.settle(position, message.first, standing).await;
    }
    let edit = Edit { body: "edited".into(), headers: message.headers.clone() };
    let change =
        Change::Edit { tenant: crate::world::tenant(), delivery: message.first, edit, by: "ada".into() };
    assert_eq!(world.store().change(change).await.unwrap().deliveries.len(), 1);
    for _ in 0..300 {
        let (other, position) = world.keep(vec![leased("crm"), keyed(leased("audit"), "ada")]).await;
        world.settle(position, other.first, Standing::Delivered).await;
        world.settle(position, other.first.at(1), Standing::Delivered).await;
    }
    (world, message.id, message.first)
}

fn data(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| !entry.file_name().to_string_lossy().ends_with("-shm"));
    files
        .map(|entry| (entry.file_name().into_string().unwrap(), std::fs::read(entry.path()).unwrap()))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect()
}

#[tokio::test]
async fn a_whole_store_is_whole_while_it_is_used_and_afterwards() {
    let (mut world, ..) = full_world(Kind::Sqlite).await;
    let before = data(&world.path());
    let report = check(&world.path());
    assert_eq!(report.findings, []);
    assert_eq!((report.files, report.messages), (3, 301));
    assert!(report.bytes > 0);
    assert_eq!(data(&world.path()), before, "something was written");
    world.stop();
    let before = data(&world.path());
    assert_eq!(check(&world.path()).findings, []);
    assert_eq!(data(&world.path()), before, "something was written");
    assert!(Sqlite::open(&world.path(), world.options()).is_ok());
}

#[tokio::test]
async fn each_kind_of_damage_is_named_with_whose_it_is() {
    let cases: [(&str, &str, &str); 16] = [
        (SLICE, "UPDATE message SET body = x'00' WHERE row = 1", "message"),
        (SLICE, "UPDATE message SET deadline = 1 WHERE row = 1", "message"),
        (SLICE, "UPDATE message SET starts = x'ff' WHERE row = 1", "beginnings"),
        (SLICE, "UPDATE message SET route = 77 WHERE row = 1", "name"),
        (SLICE, "UPDATE delivery SET state = 99 WHERE spot = 256", "delivery"),
        (SLICE, "UPDATE delivery SET lane = 2 WHERE spot = 256", "delivery"),
        (SLICE, "UPDATE delivery SET death = 99 WHERE spot = 256", "delivery"),
        (SLICE, "DELETE FROM delivery WHERE spot = 257", "no_row"),
        (SLICE, "DELETE FROM message WHERE row = 2", "no_message"),
        (SLICE, "DELETE FROM message WHERE row = 301", "no_message"),
        (SLICE, "DELETE FROM message WHERE row = 1", "key"),
        (SLICE, "UPDATE attempt SET attempt = x'ff' WHERE spot = 256 AND kept = 1", "attempt"),
        (SLICE, "DELETE FROM attempt WHERE spot = 256 AND kept = 1", "attempts"),
        (SLICE, "UPDATE edit SET body = x'00'", "edit"),
        (SLICE, "DELETE FROM edit", "edit"),
        ("catalog.db", "DELETE FROM name WHERE text = 'crm'", "catalog"),
    ];
    for (file, sql, word) in cases {
        let (mut world, message, delivery) = full_world(Kind::Sqlite).await;
        world.stop();
        let database = rusqlite::Connection::open(world.path().join(file)).unwrap();
        assert!(database.execute(sql, []).unwrap() > 0, "{sql}");
        drop(database);
        let report = check(&world.path());
        let found = report.findings.iter().find(|finding| finding.damage.word() == word);
        let found = found.unwrap_or_else(|| panic!("{sql}: {:?}", report.findings));
        assert_eq!(found.file, file);
        let Finding { message: whose, delivery: which, .. } = found;
        assert!(whose.is_none_or(|id| id == message), "{found}");
        assert!(which.is_none_or(|id| id.at(0) == delivery.at(0)), "{found}");
        if ["message", "beginnings", "attempt", "attempts", "edit", "no_row"].contains(&word) {
            assert_eq!(*whose, Some(message), "{found}");
        }
    }
}

#[tokio::test]
async fn damaged_pages_are_named_and_the_rest_is_still_looked_at() {
    let (mut world, ..) = full_world(Kind::Sqlite).await;
    world.stop();
    let path = world.path().join(SLICE);
    let whole = std::fs::read(&path).unwrap();
    let (mut unreadable, mut index) = (0, 0);
    for page in 1..whole.len() / 8192 {
        let mut bytes = whole.clone();
        bytes[page * 8192..page * 8192 + 64].fill(0xff);
        std::fs::write(&path, &bytes).unwrap();
        let report = check(&world.path());
        assert!(!report.is_whole(), "page {} is damaged and nobody noticed", page + 1);
        let words: Vec<&str> = report.findings.iter().map(|finding| finding.damage.word()).collect();
        assert!(words.contains(&"pages"), "{words:?}");
        unreadable += usize::from(words.contains(&"unreadable") && report.messages > 100);
        index += usize::from(report.messages == 301);
        std::fs::write(&path, &whole).unwrap();
    }
    assert!(unreadable > 0, "no page of messages was damaged");
    assert!(index > 0, "no page of anything else was damaged");
    let mut bytes = whole;
    bytes[3] ^= 0xff;
    std::fs::write(&path, &bytes).unwrap();
    let report = check(&world.path());
    assert_eq!(report.findings.len(), 1, "{:?}", report.findings);
    assert_eq!(report.findings[0].file, SLICE);
}

#[tokio::test]
async fn files_that_do_not_belong_together_are_named() {
    let (mut world, ..) = full_world(Kind::Sqlite).await;
    world.stop();
    let (listed, other) = (world.path().join(SLICE), world.path().join("slice-000007.db"));
    std::fs::copy(&listed, &other).unwrap();
    let report = check(&world.path());
    assert_eq!(report.findings.iter().map(|one| one.damage.word()).collect::<Vec<_>>(), ["unlisted"]);
    std::fs::remove_file(&other).unwrap();
    std::fs::remove_file(&listed).unwrap();
    let report = check(&world.path());
    assert_eq!(report.findings.iter().map(|one| one.damage.word()).collect::<Vec<_>>(), ["missing"]);
    std::fs::write(world.path().join("catalog.db"), vec![0xff; 8192]).unwrap();
    assert!(!check(&world.path()).is_whole());
}

#[tokio::test]
async fn what_cannot_be_read_is_not_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(verify(folder.path(), &mut |_| {}), Err(OpenError::Unfit { why: Unfit::Nowhere, .. })));
    let (mut world, ..) = full_world(Kind::Sqlite).await;
    world.stop();
    let file = world.path().join(SLICE);
    assert!(matches!(verify(&file, &mut |_| {}), Err(OpenError::Unfit { why: Unfit::NotAFolder, .. })));
    let newer = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    newer.execute_batch("PRAGMA user_version = 99").unwrap();
    drop(newer);
    assert!(matches!(verify(&world.path(), &mut |_| {}), Err(OpenError::Newer { .. })));
}

#[tokio::test]
async fn a_copy_on_a_read_only_disk_is_verified() {
    let mut world = World::new(Kind::Sqlite).await;
    world.keep(vec![leased("crm")]).await;
    let place = tempfile::tempdir().unwrap();
    let disk = crate::disk::SmallDisk::mount(&place.path().join("50% of #1?"));
    let copy = |world: &World| {
        disk.remount("rw");
        for entry in std::fs::read_dir(world.path()).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if !name.ends_with("-shm") && name != "reserve" {
                std::fs::copy(entry.path(), disk.path().join(name)).unwrap();
            }
        }
        disk.remount("ro");
    };
    copy(&world);
    assert!(matches!(verify(disk.path(), &mut |_| {}), Err(OpenError::LogNotRead { .. })));
    world.stop();
    for entry in std::fs::read_dir(world.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|end| end == "db") {
            let file = rusqlite::Connection::open(&path).unwrap();
            file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
        }
    }
    disk.remount("rw");
    for entry in std::fs::read_dir(disk.path()).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    copy(&world);
    let report = check(disk.path());
    assert!(report.is_whole() && report.messages == 1, "{report:?}");
}

#[tokio::test]
async fn a_report_is_bounded() {
    let mut world = World::unsynced(Kind::Sqlite).await;
    let items = || (0..500).map(|_| world.item(vec![due("crm", world.now())])).collect();
    for _ in 0..3 {
        world.store().accept(world.session, items()).await.unwrap();
    }
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database.execute("UPDATE message SET body = x'00'", []).unwrap();
    drop(database);
    let report = check(&world.path());
    assert_eq!((report.findings.len(), report.more), (FINDINGS_MAX, 500));
}
