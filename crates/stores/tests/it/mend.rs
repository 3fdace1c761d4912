//! Mending in a bad moment: while others read the file, on a full disk.

use crate::damage::SLICE;
use crate::disk::SmallDisk;
use crate::page::{PAGE, first_leaf, goes_on, large_world};
use crate::world::{Kind, World, due, tenant};
use contract::MessageId;
use contract::store::{Fault, Readiness, Store};
use rusqlite::Connection;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use stores::sqlite::Sqlite;

fn damage(slice: &Path, at: u64) {
    let file = std::fs::File::options().write(true).open(slice).unwrap();
    file.write_all_at(&[0xff; 48], at).unwrap();
}

/// A running world whose damaged slice is read by somebody, in a log that is not all in the file.
async fn read_world(patience: Duration) -> (World, Vec<MessageId>, Connection) {
    let (mut world, waiting) = large_world().await;
    let leaf = first_leaf(&world, "message");
    world.patience = patience;
    // A look-up has a connection of its own, which does not have the page from before.
    world.kind = Kind::Sqlite;
    world.crash().await;
    world.keep(vec![due("mailing", world.now())]).await;
    let reader = Connection::open(world.path().join(SLICE)).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    reader.query_row("SELECT row FROM mark", [], |_| Ok(())).unwrap();
    world.keep(vec![due("mailing", world.now())]).await;
    damage(&world.path().join(SLICE), leaf);
    (world, waiting, reader)
}

#[tokio::test]
async fn a_reader_that_never_ends_stops_the_store_and_the_next_start_mends() {
    let (mut world, waiting, reader) = read_world(Duration::from_millis(1)).await;
    let found = world.store().ticket(&tenant(), waiting[0]).await;
    let Err(Fault::Fatal { detail }) = found else { panic!("{found:?}") };
    assert!(detail.contains("while another process reads it; the next start mends it"), "{detail}");
    assert_eq!(world.store().ready(), Readiness::Failed);
    drop(reader);
    world.notes.failures.lock().unwrap().clear();
    world.crash().await;
    assert!(goes_on(&world, &waiting, "a reader that went away").await > 60);
    assert_eq!(world.notes.damaged.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mending_waits_for_a_reader_that_ends() {
    let (world, waiting, reader) = read_world(stores::sqlite::READERS_PATIENCE).await;
    let draft = world.path().join("slice-000001.db.mending");
    let (over, tenant) = (AtomicBool::new(false), tenant());
    std::thread::scope(|scope| {
        let (draft, over) = (&draft, &over);
        scope.spawn(move || {
            while !draft.exists() && !over.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            reader.execute_batch("COMMIT").unwrap();
        });
        let runtime = tokio::runtime::Handle::current();
        let ticket = world.store().ticket(&tenant, waiting[0]);
        let found = tokio::task::block_in_place(|| runtime.block_on(ticket));
        over.store(true, Ordering::SeqCst);
        assert!(found.is_ok(), "{found:?}");
    });
    assert_eq!(world.notes.damaged.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn mending_on_a_full_disk_is_refused_and_done_when_there_is_room() {
    let (mut world, waiting) = large_world().await;
    let leaf = first_leaf(&world, "message");
    world.stop();
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("disk"));
    let data = disk.path().join("data");
    std::fs::create_dir(&data).unwrap();
    for file in ["catalog.db", "carried.db", SLICE] {
        std::fs::copy(world.path().join(file), data.join(file)).unwrap();
    }
    let store = Sqlite::open(&data, world.options()).unwrap();
    let ballast = disk.path().join("ballast");
    // Until the disk is full, but for less than a copy of the slice.
    let mut bytes = 4 << 20;
    while std::fs::write(&ballast, vec![1; bytes]).is_err() {
        bytes -= 4 * PAGE;
    }
    damage(&data.join(SLICE), leaf);
    let tenant = tenant();
    let found = store.ticket(&tenant, waiting[0]).await;
    assert!(matches!(found, Err(Fault::Full)), "{found:?}");
    assert_eq!(store.ready(), Readiness::Full);
    assert!(!data.join("slice-000001.db.mending").exists(), "what was written of the copy is in the way");
    std::fs::remove_file(ballast).unwrap();
    world.clock.advance(Duration::from_secs(1));
    assert!(store.ticket(&tenant, waiting[0]).await.is_ok());
    assert_eq!(world.notes.damaged.lock().unwrap().len(), 1);
    assert_eq!(*world.notes.turned.lock().unwrap().last().unwrap(), Readiness::Ready);
    assert_eq!(*world.notes.failures.lock().unwrap(), Vec::<String>::new());
}
