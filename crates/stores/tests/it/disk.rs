//! A disk that is full.

use crate::world::{HandClock, Kind, Notes, World, attempt, leased, name, tenant};
use bytes::Bytes;
use contract::Clock;
use contract::delivery::Standing;
use contract::order::KeyFate;
use contract::part::Rule;
use contract::store::{Accept, Accepted, Readiness, Settled, Settlement, Store};
use contract::ticket::Found;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use stores::sqlite::{Inline, Options};

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
            other @ (Accepted::Same { .. } | Accepted::Conflict | Accepted::NeverSent) => panic!("{other:?}"),
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
                key_fate: KeyFate::Kept,
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
