//! Bounds that hold for the future that every call carries.

use crate::server::{Server, ok};
use crate::world::{World, call};
use contract::target::Target;

#[tokio::test]
async fn a_call_is_small_because_many_wait_at_once() {
    let server = Server::answering(ok("")).await;
    let world = World::new(&server.url());
    let call = call();
    let promise = world.target.deliver(&call);
    let bytes = size_of_val(&*promise);
    assert!(bytes <= 4096, "{bytes}");
}
