//! Damaged pages: what they cover is lost, and nothing beside it.

use crate::damage::SLICE;
use crate::world::{Kind, World, ask, due, keyed, leased, name, once, tenant};
use contract::delivery::{Death, Standing};
use contract::part::Rule;
use contract::query::Delivered;
use contract::query::{Change, Filter};
use contract::store::{Accept, Accepted, Readiness, Settled};
use contract::ticket::Found;
use contract::{MessageId, Timestamp};
use std::sync::Arc;
use std::time::Duration;

pub(crate) const PAGE: usize = 8192;

/// A slice with something on every kind of page, and how many of its messages wait for `crm`.
pub(crate) async fn large_world() -> (World, Vec<MessageId>) {
    let mut world = World::unsynced(Kind::Inline).await;
    let mut waiting = Vec::new();
    for turn in 0..120 {
        let mut message = world.message(&vec![b'x'; if turn % 10 == 0 { 20_000 } else { 300 }]);
        message.deadline = None;
        let now = world.now();
        let deliveries = vec![due("crm", now), keyed(due("audit", now), "ada"), leased("mailing")];
        let item = Accept {
            message: Arc::new(message),
            deliveries,
            once: once(&turn.to_string(), 1),
            rule: Rule::All,
        };
        waiting.push(item.message.id);
        let first = item.message.first;
        let Accepted::New { position, .. } = world.accept_one(item).await else { panic!("not new") };
        let standing = if turn % 3 == 0 { Standing::Dead(Death::Exhausted) } else { Standing::Delivered };
        world.settle(position, first.at(2), standing).await;
    }
    // Attempts beyond the first have a table of their own.
    let again = world.claim("crm", 60).await;
    for lease in again.leases {
        world.settle(lease.position, lease.delivery.id, Standing::Due(world.now())).await;
    }
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    (world, waiting)
}

/// The table or index that each page of a file belongs to, by SQLite's own account.
pub(crate) fn owners(path: &std::path::Path) -> Vec<String> {
    let database = rusqlite::Connection::open(path).unwrap();
    let pages: i64 = database.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let mut roots: Vec<(i64, String)> = database
        .prepare("SELECT rootpage, name FROM sqlite_schema WHERE rootpage > 0")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    roots.sort();
    (1..=pages)
        .map(|page| {
            roots.iter().find(|(root, _)| *root == page).map_or("a leaf".to_owned(), |(_, name)| name.clone())
        })
        .collect()
}

#[tokio::test]
async fn a_damaged_page_stops_only_what_it_covers_also_at_a_start() {
    let (mut world, waiting) = large_world().await;
    let path = world.path().join(SLICE);
    let whole = std::fs::read(&path).unwrap();
    let catalog = std::fs::read(world.path().join("catalog.db")).unwrap();
    let owners = owners(&path);
    for (page, owner) in owners.iter().enumerate() {
        let mut bytes = whole.clone();
        bytes[page * PAGE..page * PAGE + 48].fill(0xff);
        let place = format!("page {} ({owner})", page + 1);
        reset(&world, &bytes, &catalog);
        world.notes.damaged.lock().unwrap().clear();
        world.crash().await;
        let left = goes_on(&world, &waiting, &place).await;
        let is_message_root = owner == "message" || owner == "delivery";
        assert!(left >= 60 || is_message_root, "{place}: only {left} of {} are left", waiting.len());
        if page == 0
            || ["message_made", "due", "blocked", "leased", "dead", "keyed", "once", "mark"]
                .contains(&owner.as_str())
        {
            assert_eq!(left, waiting.len(), "{place}: no message was on it");
        }
        world.stop();
        let corrupt = std::mem::take(&mut *world.notes.corrupt.lock().unwrap()).len();
        if world.notes.damaged.lock().unwrap().is_empty() {
            // Nobody needed the page, or it had only a part of one message, which is dead and told.
            assert_eq!(left + corrupt, waiting.len(), "{place}");
            continue;
        }
        assert!(world.path().join("slice-000001.damaged").exists(), "{place}");
        let report = stores::sqlite::verify::verify(&world.path(), &mut |_| {}).unwrap();
        let pages = report.findings.iter().filter(|one| one.damage.word() == "pages").count();
        assert_eq!(pages, 0, "{place}: {:?}", report.findings);
    }
}

#[tokio::test]
async fn a_slice_that_was_cut_off_costs_what_is_gone_and_is_mended_once() {
    let (mut world, waiting) = large_world().await;
    let path = world.path().join(SLICE);
    let whole = std::fs::read(&path).unwrap();
    let catalog = std::fs::read(world.path().join("catalog.db")).unwrap();
    let end = whole.len();
    let mut most = 0;
    for size in [100, 5000, PAGE, PAGE + 100, 3 * PAGE, end / 3, end * 2 / 3, end - PAGE] {
        let place = format!("{size} of {end} bytes");
        reset(&world, &whole[..size], &catalog);
        world.notes.damaged.lock().unwrap().clear();
        world.crash().await;
        let left = goes_on(&world, &waiting, &place).await;
        assert!(left >= most, "{place}: more bytes and fewer messages");
        most = left;
        let told = std::mem::take(&mut *world.notes.damaged.lock().unwrap());
        assert!(told.iter().any(|told| told.starts_with(SLICE)), "{place}: {told:?}");
        assert_eq!(
            std::fs::read(world.path().join("slice-000001.damaged")).unwrap(),
            whole[..size],
            "{place}"
        );
        world.crash().await;
        assert_eq!(*world.notes.damaged.lock().unwrap(), Vec::<String>::new(), "{place}: mended once");
        world.stop();
        let report = stores::sqlite::verify::verify(&world.path(), &mut |_| {}).unwrap();
        assert!(
            report.findings.iter().all(|one| one.damage.word() != "pages"),
            "{place}: {:?}",
            report.findings
        );
    }
    assert!(most > 100, "only {most} of {} without the last page", waiting.len());
}

#[tokio::test]
async fn a_page_that_is_damaged_while_the_store_runs_stops_only_what_it_covers() {
    let (mut world, waiting) = large_world().await;
    let path = world.path().join(SLICE);
    let whole = std::fs::read(&path).unwrap();
    let catalog = std::fs::read(world.path().join("catalog.db")).unwrap();
    let mut noticed = 0;
    for page in (1..whole.len() / PAGE).step_by(2) {
        reset(&world, &whole, &catalog);
        world.notes.damaged.lock().unwrap().clear();
        world.crash().await;
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 48], (page * PAGE) as u64).unwrap();
        goes_on(&world, &waiting, &format!("page {}", page + 1)).await;
        noticed += world.notes.damaged.lock().unwrap().len();
        world.stop();
    }
    assert!(noticed > 0, "no damage was met while it ran");
}

#[tokio::test]
async fn what_a_crash_left_of_a_copy_is_removed_at_the_next_start() {
    let (mut world, waiting) = large_world().await;
    let draft = world.path().join("slice-000001.db.mending");
    std::fs::write(&draft, "half of it").unwrap();
    world.crash().await;
    assert!(!draft.exists());
    assert_eq!(goes_on(&world, &waiting, "a left copy").await, waiting.len());
}

pub(crate) fn reset(world: &World, slice: &[u8], catalog: &[u8]) {
    for entry in std::fs::read_dir(world.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("slice-") || name.starts_with("catalog") {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::write(world.path().join(SLICE), slice).unwrap();
    std::fs::write(world.path().join("catalog.db"), catalog).unwrap();
}

/// Accepts, claims, settles and looks up; gives how many of the messages can still be claimed.
pub(crate) async fn goes_on(world: &World, waiting: &[MessageId], place: &str) -> usize {
    let (new, position) = world.keep(vec![leased("crm"), due("mailing", world.now())]).await;
    assert_eq!(world.settle(position, new.first, Standing::Delivered).await, Settled::Recorded, "{place}");
    let mut left = 0;
    loop {
        let asks = vec![ask("crm", 64), ask("audit", 64)];
        let claimed = world.store().claim(world.session, asks, world.now()).await;
        let claimed = claimed.unwrap_or_else(|fault| panic!("{place}: {fault}"));
        let leases: Vec<_> = claimed.into_iter().flat_map(|claimed| claimed.leases).collect();
        if leases.is_empty() {
            break;
        }
        for lease in leases {
            left += usize::from(lease.delivery.target == name("crm") && waiting.contains(&lease.message.id));
            let settled = world.settle(lease.position, lease.delivery.id, Standing::Delivered).await;
            assert!(matches!(settled, Settled::Recorded | Settled::Freed), "{place}: {settled:?}");
        }
    }
    assert_eq!(world.store().ready(), Readiness::Ready, "{place}");
    assert_eq!(*world.notes.failures.lock().unwrap(), Vec::<String>::new(), "{place}");
    let again = world.store().accept(world.session, vec![world.item(vec![leased("crm")])]).await.unwrap();
    assert!(matches!(again[0], Accepted::New { .. }), "{place}");
    left
}

/// Damages the first leaf of a table of the stopped world's slice.
pub(crate) fn damage_first_leaf(world: &World, table: &str) {
    let leaf = first_leaf(world, table);
    let file = std::fs::File::options().write(true).open(world.path().join(SLICE)).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 48], leaf).unwrap();
}

/// Where the first leaf of a table of the stopped world's slice begins.
pub(crate) fn first_leaf(world: &World, table: &str) -> u64 {
    let path = world.path().join(SLICE);
    let database = rusqlite::Connection::open(&path).unwrap();
    database.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let find = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: u32 = database.query_row(find, [table], |row| row.get(0)).unwrap();
    drop(database);
    let bytes = std::fs::read(&path).unwrap();
    let at = usize::try_from(root - 1).unwrap() * PAGE;
    assert_eq!(bytes[at], 5, "the root has leaves");
    let cell = at + usize::from(u16::from_be_bytes([bytes[at + 12], bytes[at + 13]]));
    let leaf = u32::from_be_bytes(bytes[cell..cell + 4].try_into().unwrap());
    u64::from(leaf - 1) * PAGE as u64
}

#[tokio::test]
async fn what_was_final_on_a_damaged_page_is_not_sent_again_after_a_start() {
    let mut world = World::unsynced(Kind::Inline).await;
    for turn in 0..400 {
        let (message, position) = world.keep(vec![leased("crm")]).await;
        if turn % 2 == 0 {
            world.settle(position, message.first, Standing::Delivered).await;
        } else {
            let (tenant, message, unsent) = (tenant(), message.id, vec![message.first]);
            world
                .store()
                .change(Change::Cancel { tenant, message, unsent, delivered: Delivered::Stays })
                .await
                .unwrap();
        }
    }
    let (waiting, _) = world.keep(vec![leased("crm")]).await;
    world.stop();
    damage_first_leaf(&world, "delivery");
    world.crash().await;
    let sent: Vec<_> = world.claim("crm", 1000).await.leases.iter().map(|lease| lease.message.id).collect();
    assert_eq!(sent, [waiting.id]);
    assert!(!world.notes.corrupt.lock().unwrap().is_empty(), "nobody knows: they are told");
}

#[tokio::test]
async fn what_waits_behind_a_lost_delivery_of_its_key_goes_on() {
    for restarts in [false, true] {
        let mut world = World::unsynced(Kind::Inline).await;
        for _ in 0..400 {
            world.accept_one(world.item(vec![keyed(due("audit", world.now()), "ada")])).await;
        }
        if !restarts {
            // Of a closed slice, a start does not read the whole table.
            world.clock.advance(Duration::from_secs(7 * 3600));
            world.keep(vec![due("crm", world.now())]).await;
        }
        world.stop();
        damage_first_leaf(&world, "message");
        world.crash().await;
        let mut sent = 0;
        loop {
            let leases = world.claim("audit", 10).await.leases;
            let Some(lease) = leases.first() else { break };
            sent += 1;
            world.settle(lease.position, lease.delivery.id, Standing::Delivered).await;
        }
        assert!(!world.notes.damaged.lock().unwrap().is_empty());
        assert!((200..400).contains(&sent), "{sent}, restarts: {restarts}");
    }
}

#[tokio::test]
async fn a_look_up_that_meets_a_damaged_page_has_it_mended_and_is_answered() {
    for kind in [Kind::Inline, Kind::Sqlite] {
        for table in ["message", "delivery"] {
            let (mut world, waiting) = large_world().await;
            let leaf = first_leaf(&world, table);
            world.kind = kind;
            world.crash().await;
            let file = std::fs::File::options().write(true).open(world.path().join(SLICE)).unwrap();
            std::os::unix::fs::FileExt::write_all_at(&file, &[0xff; 48], leaf).unwrap();
            let page = world.store().list(&tenant(), Filter::default(), None, 500).await;
            let dead = page.unwrap_or_else(|fault| panic!("{kind:?} {table}: {fault}")).rows.len();
            let mut here = 0;
            for id in &waiting {
                let found = world.store().ticket(&tenant(), *id).await;
                let found = found.unwrap_or_else(|fault| panic!("{kind:?} {table}: {fault}"));
                here += usize::from(matches!(found, Found::Here(_)));
            }
            let told = world.notes.damaged.lock().unwrap().clone();
            // Who reads through the connection that writes may have the page from before.
            assert!(told.len() == 1 || kind == Kind::Inline, "{kind:?} {table}: {told:?}");
            assert!(here > 60 && dead > 20, "{kind:?} {table}: {here} tickets, {dead} dead");
            assert_eq!(world.store().ready(), Readiness::Ready);
        }
    }
}

/// A stopped world with a slice of schema 1, whose messages all have a deadline, which is given.
async fn older_world() -> (World, Timestamp) {
    let mut world = World::unsynced(Kind::Inline).await;
    let deadline = world.now() + Duration::from_secs(60);
    for _ in 0..400 {
        world.keep_until(deadline, vec![due("crm", world.now())]).await;
    }
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database
        .execute_batch(
            "DROP INDEX late; DROP INDEX waiting; DROP INDEX due; ALTER TABLE delivery DROP COLUMN deadline;
             ALTER TABLE delivery DROP COLUMN priority; ALTER TABLE edit DROP COLUMN at;
             ALTER TABLE edit DROP COLUMN author; CREATE INDEX due ON delivery(lane, at) WHERE state = 1;
             PRAGMA user_version = 1",
        )
        .unwrap();
    (world, deadline)
}

/// Starts the world, and gives how many deliveries end by their deadline.
async fn expired_after_a_start(world: &mut World, deadline: Timestamp) -> usize {
    world.crash().await;
    world.clock.advance(deadline.since(world.now()) + Duration::from_secs(1));
    let mut ended = 0;
    loop {
        let (late, next) = world.expire().await;
        ended += late.len();
        if next.is_none() {
            return ended;
        }
    }
}

#[tokio::test]
async fn an_older_slice_with_a_damaged_page_is_mended_and_brought_to_the_current_schema() {
    for table in ["message", "delivery"] {
        let (mut world, deadline) = older_world().await;
        damage_first_leaf(&world, table);
        let ended = expired_after_a_start(&mut world, deadline).await;
        assert!((100..400).contains(&ended), "{table}: {ended}");
        assert_eq!(world.notes.damaged.lock().unwrap().len(), 1, "{table}");
    }
}

#[tokio::test]
async fn an_older_slice_that_lost_its_first_page_keeps_its_deadlines() {
    let (mut world, deadline) = older_world().await;
    first_leaf(&world, "message");
    let path = world.path().join(SLICE);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[..48].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(expired_after_a_start(&mut world, deadline).await, 400);
    assert_eq!(world.notes.damaged.lock().unwrap().len(), 1);
}
