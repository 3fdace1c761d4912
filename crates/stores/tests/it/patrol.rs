//! The background pass: it finds damage before somebody needs what is damaged.

use crate::damage::SLICE;
use crate::page::{PAGE, large_world, owners};
use crate::world::{HandClock, Kind, World, due, leased, name, tenant};
use contract::delivery::{Death, Standing};
use contract::store::{Commit, Readiness, Store, Watcher};
use contract::ticket::Found;
use contract::{Clock, MessageId};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use stores::sqlite::{Options, Pace, Sqlite};

/// Hands on what a store tells of damage, so that a test can wait for it.
struct Ear(mpsc::Sender<String>);

impl Watcher for Ear {
    fn committed(&self, _: Commit) {}
    fn corrupt(&self, message: MessageId, _: Death) {
        self.0.send(format!("corrupt {message}")).unwrap();
    }
    fn damaged(&self, file: &str, detail: &str) {
        self.0.send(format!("damaged {file} {detail}")).unwrap();
    }
    fn sound(&self, file: &str) {
        self.0.send(format!("sound {file}")).unwrap();
    }
    fn turned(&self, _: Readiness) {}
    fn failed(&self, detail: &str) {
        self.0.send(format!("failed {detail}")).unwrap();
    }
}

/// Opens a store that looks through its files at once.
fn patrolled(world: &World) -> (Sqlite, mpsc::Receiver<String>) {
    let (to, heard) = mpsc::channel();
    let clock: Arc<dyn Clock> = Arc::new(HandClock::default());
    let patrol = Pace { first: Duration::ZERO, every: Duration::from_secs(3600), bytes_per_second: u64::MAX };
    let options = Options { patrol, reserve_bytes: 4096, ..Options::new(Arc::new(Ear(to)), clock) };
    (Sqlite::open(&world.path(), options).unwrap(), heard)
}

#[tokio::test]
async fn the_background_pass_finds_a_damaged_message_and_what_waits_of_it_is_dead() {
    let mut world = World::new(Kind::Sqlite).await;
    let (damaged, _) = world.keep(vec![due("crm", world.now()), due("mailing", world.now())]).await;
    let (sound, _) = world.keep(vec![due("crm", world.now())]).await;
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database.execute("UPDATE message SET body = x'00' WHERE row = 1", []).unwrap();
    drop(database);
    let (store, heard) = patrolled(&world);
    assert_eq!(heard.recv().unwrap(), format!("corrupt {}", damaged.id));
    let standings = async |id| {
        let Found::Here(ticket) = store.ticket(&tenant(), id).await.unwrap() else { panic!("lost") };
        ticket.deliveries.into_iter().map(|ray| ray.standing).collect::<Vec<_>>()
    };
    assert_eq!(standings(damaged.id).await, [Standing::Dead(Death::Corrupt); 2]);
    assert_eq!(standings(sound.id).await, [Standing::Due(world.now())]);
    store.close();
    assert_eq!(heard.try_iter().count(), 0, "a damaged message is told once");
}

#[tokio::test]
async fn the_background_pass_tells_of_damage_beyond_a_message() {
    let mut world = World::new(Kind::Sqlite).await;
    let (message, position) = world.keep(vec![leased("crm")]).await;
    world.settle(position, message.first, Standing::Delivered).await;
    world.stop();
    let database = rusqlite::Connection::open(world.path().join(SLICE)).unwrap();
    database.execute("UPDATE delivery SET attempt = x'ff'", []).unwrap();
    drop(database);
    let (store, heard) = patrolled(&world);
    let told = heard.recv().unwrap();
    assert!(told.starts_with("damaged slice-000001.db") && told.contains("attempt"), "{told}");
    assert!(told.contains(&message.first.to_string()), "{told}");
    let session = store.open(&name("node"), world.now()).await.unwrap();
    let taken = store.accept(session, vec![world.item(vec![leased("crm")])]).await;
    assert!(taken.is_ok(), "damage of one message stops no other");
    store.close();
}

#[tokio::test]
async fn the_background_pass_has_a_damaged_page_mended_that_nobody_needs() {
    let (mut world, _) = large_world().await;
    world.stop();
    let path = world.path().join(SLICE);
    let owners = owners(&path);
    let index = owners.iter().position(|owner| owner == "message_made").unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[index * PAGE..index * PAGE + 48].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let (store, heard) = patrolled(&world);
    let told = heard.iter().find(|told| told.contains("everything could be read and is in a new file"));
    assert!(told.unwrap().starts_with("damaged slice-000001.db"));
    assert_eq!(heard.recv().unwrap(), "sound slice-000001.db", "what was mended is looked through");
    store.close();
    assert!(stores::sqlite::verify::verify(&world.path(), &mut |_| {}).unwrap().is_whole());
}
