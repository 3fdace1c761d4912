//! Small durable state.

use crate::world::{name, on_every_store};
use bytes::Bytes;
use contract::MessageId;
use contract::delivery::ShapeId;
use contract::store::{Scope, ScopeKind, Versioned};

on_every_store! {
    async fn state_is_replaced_only_at_the_version_that_was_read(world: World) {
        let mut world = world;
        let scope = Scope::Target(name("default"), name("crm"));
        let put = |expected, value: &'static str| {
            world.store().put_state(scope.clone(), expected, Bytes::from_static(value.as_bytes()))
        };
        assert_eq!(world.store().state(scope.clone()).await.unwrap(), None);
        assert!(!put(1, "early").await.unwrap());
        assert!(put(0, "one").await.unwrap());
        assert!(!put(0, "again").await.unwrap());
        assert!(put(1, "two").await.unwrap());
        assert!(!put(1, "late").await.unwrap());
        world.crash().await;
        let found = world.store().state(scope).await.unwrap();
        assert_eq!(found, Some(Versioned { version: 2, value: Bytes::from_static(b"two") }));
    }

    async fn state_is_forgotten_only_at_the_version_that_was_read(world: World) {
        let mut world = world;
        let id = MessageId::new(world.now(), &world.entropy);
        for scope in [Scope::Shape(ShapeId(7)), Scope::Redrive(id)] {
            assert!(!world.store().forget_state(scope.clone(), 1).await.unwrap());
            assert!(world.store().put_state(scope.clone(), 0, Bytes::new()).await.unwrap());
            assert!(world.store().put_state(scope.clone(), 1, Bytes::new()).await.unwrap());
            assert!(!world.store().forget_state(scope.clone(), 1).await.unwrap(), "it was replaced meanwhile");
            assert!(world.store().forget_state(scope.clone(), 2).await.unwrap());
            world.crash().await;
            assert_eq!(world.store().state(scope.clone()).await.unwrap(), None);
            assert!(world.store().put_state(scope, 0, Bytes::new()).await.unwrap(), "it may come again");
        }
    }

    async fn states_are_found_by_kind(world: World) {
        let scopes = [
            Scope::Target(name("default"), name("a.b-c_d")),
            Scope::Target(name("other"), name("a")),
            Scope::Shape(ShapeId(u64::MAX)),
            Scope::Redrive(MessageId::new(world.now(), &world.entropy)),
        ];
        for scope in &scopes {
            assert!(world.store().put_state(scope.clone(), 0, Bytes::new()).await.unwrap());
        }
        let mut found = Vec::new();
        for kind in [ScopeKind::Target, ScopeKind::Shape, ScopeKind::Redrive] {
            found.extend(world.store().states(kind).await.unwrap().into_iter().map(|(scope, _)| scope));
        }
        assert_eq!(found, scopes);
    }
}
