//! Bounds on what every call costs.

use crate::server::{Server, ok};
use crate::world::{World, call};
use contract::target::{Outcome, Target};
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_call_is_small_because_many_wait_at_once() {
    let server = Server::answering(ok("")).await;
    let world = World::new(&server.url());
    let call = call();
    let promise = world.target.deliver(&call);
    let bytes = size_of_val(&*promise);
    assert!(bytes <= 4096, "{bytes}");
}

#[tokio::test]
async fn a_call_over_an_open_connection_wakes_its_task_once_and_leaves_no_wake_up_behind() {
    let server = Server::answering(ok("done")).await;
    let world = World::new(&server.url());
    let call = call();
    world.target.deliver(&call).await;
    for _ in 0..3 {
        let bell = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&bell));
        let mut promise = world.target.deliver(&call);
        let outcomes = poll_fn(|cx| {
            bell.task.lock().unwrap().clone_from(cx.waker());
            promise.as_mut().poll(&mut Context::from_waker(&waker))
        })
        .await;
        assert!(matches!(outcomes.as_slice(), [Outcome::Answered(_)]), "{outcomes:?}");
        assert_eq!(bell.wakes.load(Ordering::SeqCst), 1, "the answer's arrival");
    }
}

/// Counts the wake-ups of a task.
struct Count {
    wakes: AtomicUsize,
    task: Mutex<Waker>,
}

impl Default for Count {
    fn default() -> Self {
        Self { wakes: AtomicUsize::new(0), task: Mutex::new(Waker::noop().clone()) }
    }
}

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.wakes.fetch_add(1, Ordering::SeqCst);
        self.task.lock().unwrap().wake_by_ref();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_wake_up_is_lost_while_calls_move_between_threads() {
    let server = Server::start(|_, mut peer| async move {
        while peer.request().await.is_some() {
            // In two pieces, so that the body comes while the call is asleep or about to be.
            peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n").await;
            tokio::task::yield_now().await;
            peer.send(b"done").await;
        }
    })
    .await;
    let world = Arc::new(World::new(&server.url()));
    let mut workers = JoinSet::new();
    for _ in 0..16 {
        let world = Arc::clone(&world);
        workers.spawn(async move {
            for _ in 0..100 {
                assert_eq!(world.reply().await.capture.body, "done");
            }
        });
    }
    assert_eq!(workers.join_all().await.len(), 16);
    assert!(server.connections() <= 16, "{}", server.connections());
}
