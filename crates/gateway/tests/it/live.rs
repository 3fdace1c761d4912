//! The live tail.

use crate::program::Running;
use crate::world::World;

async fn listening(world: &World, more: &[&str]) -> Running {
    let arguments: Vec<String> = ["tail", "--admin", world.admin_url()]
        .into_iter()
        .chain(more.iter().copied())
        .map(str::to_owned)
        .collect();
    let start = move || {
        let mut tail = Running::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(tail.word(), "listening for attempts; Ctrl-C ends\n");
        tail
    };
    tokio::task::spawn_blocking(start).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tail_shows_attempts_as_they_are_made() {
    let world = World::start().await;
    let mut people = listening(&world, &["--target", "mailing"]).await;
    let mut script = listening(&world, &["--json"]).await;
    let id = world.signup().await;
    let read = move || (people.line(), [script.line(), script.line()]);
    let (line, json) = tokio::task::spawn_blocking(read).await.unwrap();
    assert!(
        line.contains("mailing") && line.contains("delivered") && line.contains("200") && line.contains(&id),
        "{line}"
    );
    let mut targets =
        json.map(|line| serde_json::from_str::<serde_json::Value>(&line).unwrap()["target"].clone());
    targets.sort_by_key(ToString::to_string);
    assert_eq!(targets, ["crm", "mailing"]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_seen_enough_ends_the_tail_quietly() {
    let world = World::start().await;
    let mut tail = listening(&world, &[]).await;
    tail.out = None;
    world.signup().await;
    let ended = move || (tail.child.wait().unwrap().code(), tail.word());
    assert_eq!(tokio::task::spawn_blocking(ended).await.unwrap(), (Some(0), String::new()));
    world.stop().await;
}
