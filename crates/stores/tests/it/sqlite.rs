//! What only files have: locks, versions, damage, full disks, logs cut short, slices.

use crate::world::{HandClock, Kind, Notes, World, attempt, due, leased, name, once, tenant};
use bytes::Bytes;
use contract::delivery::{Death, Standing};
use contract::group::Rule;
use contract::query::Filter;
use contract::store::{Accept, Accepted, Fault, Readiness, Retention, Settled, Settlement, Store};
use contract::ticket::Found;
use contract::{Clock, MessageId};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use stores::sqlite::verify::verify;
use stores::sqlite::{Inline, OpenError, Options, Sqlite};

fn options() -> Options {
    let clock: Arc<dyn Clock> = Arc::new(HandClock::default());
    Options { reserve_bytes: 4096, ..Options::new(Arc::new(Notes::default()), clock) }
}

/// What a start says; `fanlight check` says the same.
fn refusal(folder: &Path) -> OpenError {
    let refused = Inline::open(folder, options()).err().expect("refused");
    if !matches!(refused, OpenError::InUse { .. } | OpenError::Unlisted { .. }) {
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
    for (file, version) in [("catalog.db", 1), ("slice-000001.db", 3), ("carried.db", 3)] {
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
    assert!(matches!(refusal(folder.path()), OpenError::Foreign { .. }));
    std::fs::write(
        folder.path().join("catalog.db"),
        "no database, but long enough to be read as a header ".repeat(9),
    )
    .unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::Foreign { .. }));
    let other = folder.path().join("catalog.db");
    std::fs::remove_file(&other).unwrap();
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE theirs(x)").unwrap();
    let before = std::fs::read(&other).unwrap();
    assert!(matches!(refusal(folder.path()), OpenError::Foreign { .. }));
    assert_eq!(std::fs::read(&other).unwrap(), before);
    assert!(!folder.path().join("lock").exists(), "something was made in a folder that is not ours");
    assert_eq!(std::fs::read(folder.path().join("thesis.txt")).unwrap(), b"mine");
    let file = folder.path().join("thesis.txt");
    assert!(matches!(refusal(&file), OpenError::NotAFolder { .. }));
    let error = Inline::open(Path::new("/proc/nowhere/data"), options()).err().expect("refused");
    assert!(matches!(error, OpenError::NotMade { .. }), "{error}");
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
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
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
        assert!(matches!(error, OpenError::Empty { .. } | OpenError::Missing { .. }), "{error}");
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
    assert!(matches!(refusal(&world.path()), OpenError::Empty { .. }));
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
    assert!(matches!(error, OpenError::Unlisted { .. }), "{error}");
    assert!(other.exists());
}

#[tokio::test]
async fn a_closed_store_refuses_and_keeps_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(folder.path(), options()).unwrap();
    let session = store.open(&name("node"), options().clock.now()).await.unwrap();
    store.close();
    assert!(matches!(store.renew(session, options().clock.now()).await, Err(Fault::Closed)));
    assert_eq!(store.ready(), Readiness::Failed);
    assert!(Sqlite::open(folder.path(), options()).is_ok());
}

#[tokio::test]
async fn damaged_bytes_kill_only_their_message_and_are_reported() {
    let mut world = World::new(Kind::Inline).await;
    let mut kept = Vec::new();
    for body in [b"first body".as_slice(), b"second body", b"third body"] {
        let message = Arc::new(world.message(body));
        let deliveries = vec![due("crm", world.now()), due("mailing", world.now())];
        world.accept_one(Accept { message: message.clone(), deliveries, once: None, rule: Rule::All }).await;
        kept.push(message);
    }
    world.stop();
    flip(&world.path().join("slice-000001.db"), b"second body");
    world.crash().await;
    let claimed = world.claim("crm", 9).await;
    let ids: Vec<MessageId> = claimed.leases.iter().map(|lease| lease.message.id).collect();
    assert_eq!(ids, [kept[0].id, kept[2].id]);
    let dead = Standing::Dead(Death::Corrupt);
    assert_eq!(world.standings(kept[1].id).await, [dead, dead]);
    assert_eq!(*world.notes.corrupt.lock().unwrap(), [kept[1].id]);
    assert_eq!(world.claim("mailing", 9).await.leases.len(), 2);
    let detail = world.store().detail(&tenant(), kept[1].first).await;
    assert!(matches!(detail, Err(Fault::Corrupt { message }) if message == kept[1].id));
    let listed = world.store().list(&tenant(), Filter::default(), None, 9).await.unwrap();
    assert_eq!(listed.rows.len(), 2);
}

#[tokio::test]
async fn a_log_cut_at_any_place_keeps_every_receipt_given_before() {
    let world = World::new(Kind::Inline).await;
    let log = world.path().join("slice-000001.db-wal");
    let mut receipts: Vec<(u64, MessageId)> = Vec::new();
    for turn in 0..12 {
        let item = |_| world.item(vec![leased("crm"), due("mailing", world.now())]);
        let items: Vec<Accept> = (0..=turn % 3).map(item).collect();
        let ids: Vec<MessageId> = items.iter().map(|item| item.message.id).collect();
        let answers = world.store().accept(world.session, items).await.unwrap();
        let length = std::fs::metadata(&log).unwrap().len();
        for (answer, id) in answers.iter().zip(ids) {
            receipts.push((length, id));
            let Accepted::New { position, .. } = answer else { panic!("not new") };
            let first = world.ticket(id).await.deliveries[0].id;
            if turn % 2 == 0 {
                world.settle(*position, first, Standing::Delivered).await;
            }
        }
    }
    let whole = std::fs::metadata(&log).unwrap().len();
    let frame = 24 + 8192;
    let frames = (0..).map(|count| 32 + count * frame).take_while(|at| *at <= whole);
    let random = (0..60).map(|_| world.entropy.below(whole + 1));
    let mut lost = 0;
    for cut in frames.chain(random) {
        let copy = copy_of(&world.path());
        let cut_log = copy.path().join("slice-000001.db-wal");
        std::fs::File::options().write(true).open(&cut_log).unwrap().set_len(cut).unwrap();
        let reopened = Inline::open(copy.path(), options()).unwrap();
        for (given_at, id) in &receipts {
            let found = reopened.ticket(&tenant(), *id).await.unwrap();
            if *given_at <= cut {
                let Found::Here(ticket) = found else { panic!("{id} of {given_at} is lost at {cut}") };
                assert_eq!(ticket.deliveries.len(), 2);
            } else {
                lost += u64::from(found == Found::Unknown);
            }
        }
    }
    assert!(lost > 0, "cutting the log cost nothing: it was not read");
}

/// Damages a body where it lies in the file, as a bad disk would.
fn flip(path: &Path, body: &[u8]) {
    let file = rusqlite::Connection::open(path).unwrap();
    file.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(file);
    let mut bytes = std::fs::read(path).unwrap();
    let at = bytes.windows(body.len()).position(|window| window == body).unwrap();
    bytes[at + 3] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

fn copy_of(folder: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if !name.to_string_lossy().ends_with("-shm") {
            std::fs::copy(entry.path(), copy.path().join(name)).unwrap();
        }
    }
    copy
}

/// A small disk of its own.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    pub(crate) fn mount(at: &Path) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at).status();
        assert!(mounted.is_ok_and(|status| status.success()), "NOT RUN: a small disk, mounting needs root");
        Self(at.to_path_buf())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Makes it `ro` or `rw`.
    pub(crate) fn remount(&self, how: &str) {
        let done = Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).status();
        assert!(done.unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).status().ok();
    }
}

#[tokio::test]
async fn a_full_disk_refuses_messages_goes_on_settling_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("disk"));
    let clock = Arc::new(HandClock::default());
    let notes = Arc::new(Notes::default());
    let options = Options { reserve_bytes: 1 << 20, ..Options::new(notes.clone(), clock.clone()) };
    let store = Inline::open(&disk.0.join("data"), options).unwrap();
    let world = World::new(Kind::Memory).await;
    let session = store.open(&name("node"), clock.now()).await.unwrap();
    assert_eq!(store.ready(), Readiness::Ready);
    let ballast = disk.0.join("ballast");
    std::fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let mut kept = Vec::new();
    let big = || {
        let mut message = world.message(b"");
        message.body = Bytes::from(vec![b'x'; 50_000]);
        Accept {
            message: Arc::new(message),
            deliveries: vec![leased("crm"), leased("mailing")],
            once: None,
            rule: Rule::All,
        }
    };
    loop {
        let item = big();
        let id = item.message.first;
        match store.accept(session, vec![item.clone()]).await.unwrap().remove(0) {
            Accepted::New { position, .. } => kept.push((item.message.id, position, id)),
            Accepted::Full => break,
            other @ (Accepted::Same { .. } | Accepted::Conflict) => panic!("{other:?}"),
        }
        assert!(kept.len() < 100, "the disk never filled up");
    }
    assert!(!kept.is_empty());
    assert_eq!(store.ready(), Readiness::Full);
    for (_, position, first) in &kept {
        for ordinal in 0..2 {
            let delivery = first.at(ordinal);
            let one = Settlement {
                position: *position,
                delivery,
                attempt: Some(Arc::new(attempt(1, 1, clock.now()))),
                standing: Standing::Delivered,
            };
            assert_eq!(store.settle(session, vec![one]).await.unwrap().answers, [Settled::Recorded]);
        }
    }
    assert_eq!(store.accept(session, vec![big()]).await.unwrap(), [Accepted::Full]);
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.ready(), Readiness::Full, "no space has returned");
    std::fs::remove_file(&ballast).unwrap();
    clock.advance(Duration::from_secs(1));
    assert_eq!(store.ready(), Readiness::Ready);
    assert_eq!(*notes.turned.lock().unwrap(), [Readiness::Full, Readiness::Ready], "each turn is told once");
    let small = world.item(vec![leased("crm")]);
    assert!(matches!(store.accept(session, vec![small]).await.unwrap()[0], Accepted::New { .. }));
    drop(store);
    let again = Options { reserve_bytes: 1 << 20, ..Options::new(notes.clone(), clock.clone()) };
    let store = Inline::open(&disk.0.join("data"), again).unwrap();
    for (id, ..) in kept {
        let Found::Here(ticket) = store.ticket(&tenant(), id).await.unwrap() else { panic!("lost") };
        assert!(ticket.deliveries.iter().all(|ray| ray.standing == Standing::Delivered));
    }
    assert_eq!(*notes.failures.lock().unwrap(), Vec::<String>::new());
    drop(store);
}

#[tokio::test]
async fn work_goes_on_over_slices_that_close_by_time_and_by_size() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(HandClock::default());
    let small = || Options { slice_bytes: 1 << 20, ..Options { clock: clock.clone(), ..options() } };
    let world = World::new(Kind::Memory).await;
    let mut store = Inline::open(folder.path(), small()).unwrap();
    let mut session = store.open(&name("node"), clock.now()).await.unwrap();
    let mut kept = Vec::new();
    for turn in 0..40 {
        let mut message = world.message(b"");
        message.body = Bytes::from(vec![b'x'; 1 << 20]);
        let once = once(&turn.to_string(), 1);
        let deliveries = vec![leased("crm"), due("mailing", world.now())];
        let item = Accept { message: Arc::new(message), deliveries, once, rule: Rule::All };
        let Accepted::New { position, .. } =
            store.accept(session, vec![item.clone()]).await.unwrap().remove(0)
        else {
            panic!()
        };
        kept.push((item, position));
        if turn == 20 {
            drop(store);
            store = Inline::open(folder.path(), small()).unwrap();
            session = store.open(&name("node"), clock.now()).await.unwrap();
        }
    }
    clock.advance(Duration::from_secs(7 * 3600));
    store.accept(session, vec![world.item(vec![])]).await.unwrap();
    let slices = std::fs::read_dir(folder.path()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("slice-") && name.to_string_lossy().ends_with(".db")
    });
    assert!(slices.count() >= 3);
    for (turn, (item, position)) in kept.iter().enumerate() {
        let again = store.accept(session, vec![Accept { ..item.clone() }]).await.unwrap().remove(0);
        assert!(matches!(again, Accepted::Same { id, .. } if id == item.message.id));
        let one = Settlement {
            position: *position,
            delivery: item.message.first,
            attempt: None,
            standing: Standing::Delivered,
        };
        let expected = if turn <= 20 { Settled::Fenced } else { Settled::Recorded };
        assert_eq!(store.settle(session, vec![one]).await.unwrap().answers, [expected]);
    }
    let asks = vec![crate::world::ask("mailing", 99), crate::world::ask("crm", 99)];
    let claimed = store.claim(session, asks, clock.now()).await.unwrap();
    let order: Vec<MessageId> = claimed[0].leases.iter().map(|lease| lease.message.id).collect();
    assert_eq!(order, kept.iter().map(|(item, _)| item.message.id).collect::<Vec<_>>());
    assert_eq!(claimed[1].leases.len(), 21);
    let retention = Retention { time: Duration::ZERO, dead: Duration::ZERO, bytes: u64::MAX };
    assert_eq!(
        store.prune(retention, clock.now()).await.unwrap().messages,
        0,
        "keys are remembered for a day"
    );
}

#[tokio::test]
async fn a_large_backlog_is_ready_soon_after_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(Kind::Memory).await;
    let clock = world.clock.clone();
    let store =
        Inline::open(folder.path(), Options { sync: stores::sqlite::Sync::Off, ..options() }).unwrap();
    let session = store.open(&name("node"), clock.now()).await.unwrap();
    for _ in 0..20 {
        let items = (0..500).map(|_| world.item(vec![leased("crm"), due("mailing", world.now())])).collect();
        store.accept(session, items).await.unwrap();
    }
    drop(store);
    let store = Inline::open(folder.path(), options()).unwrap();
    let session = store.open(&name("node"), clock.now()).await.unwrap();
    let backlog = store.backlog().await.unwrap();
    assert_eq!(backlog.iter().map(|one| one.waiting).collect::<Vec<_>>(), [10_000, 10_000]);
    assert_eq!(
        store.claim(session, vec![crate::world::ask("crm", 256)], clock.now()).await.unwrap()[0].leases.len(),
        256
    );
}
