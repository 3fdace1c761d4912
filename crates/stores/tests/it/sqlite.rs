//! What only files have: damaged bytes, logs cut short, slices.

use crate::world::{HandClock, Kind, Notes, World, due, leased, name, once, tenant};
use bytes::Bytes;
use contract::delivery::{Death, Standing};
use contract::order::KeyFate;
use contract::part::Rule;
use contract::query::Filter;
use contract::store::{Accept, Accepted, Fault, Readiness, Retention, Settled, Settlement, Store};
use contract::ticket::Found;
use contract::{Clock, MessageId};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use stores::sqlite::{Inline, Options, Sqlite};

pub(crate) fn options() -> Options {
    let clock: Arc<dyn Clock> = Arc::new(HandClock::default());
    Options { reserve_bytes: 4096, ..Options::new(Arc::new(Notes::default()), clock) }
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
            key_fate: KeyFate::Kept,
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
