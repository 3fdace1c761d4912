//! A dead delivery whose bytes were damaged on the disk: it says so, and can be given up.

use crate::program::run_aside;
use crate::world::serve;
use axum::Router;
use gateway::app::App;
use gateway::config::{self, Process};
use http::StatusCode;
use std::path::Path;
use std::time::Duration;

async fn start(text: &str) -> App {
    App::start(config::parse(text, "damaged.yaml", &Process).expect("valid")).await.expect("it starts")
}

/// Runs a command at a door of this Fanlight.
async fn command(arguments: &[&str], door: [&str; 2]) -> crate::program::Ran {
    run_aside(&[arguments, &door].concat()).await
}

/// Changes one letter of what is stored.
fn damage(file: &Path, words: &[u8]) {
    let mut bytes = std::fs::read(file).expect("a slice");
    let at = bytes.windows(words.len()).position(|window| window == words).expect("it is in the file");
    bytes[at] ^= 1;
    std::fs::write(file, bytes).expect("written");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_dead_letter_says_what_to_do_and_can_be_discarded_by_its_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let api = serve(Router::new().fallback(async || StatusCode::BAD_REQUEST)).await;
    let text = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nstore: 'sqlite:{}'\n\
         routes: {{signup: {{accept: POST /signup, to: crm}}}}\ntargets: {{crm: {{url: 'http://{api}'}}}}\n",
        data.display()
    );
    let app = start(&text).await;
    let front = format!("http://{}", app.front_address);
    let sent = command(&["send", "/signup", "--data", "these words", "--json"], ["--server", &front]).await;
    let ticket = sent.json()["id"].as_str().expect("an id").to_owned();
    command(&["ticket", &ticket, "--watch", "--json"], ["--server", &front]).await;
    app.stop(Duration::from_secs(5)).await;
    damage(&data.join("slice-000001.db"), b"these words");

    let app = start(&text).await;
    let admin = format!("http://{}", app.admin_address);
    let admin = async |arguments: &[&str]| command(arguments, ["--admin", &admin]).await;
    let list = admin(&["dead", "list", "--json"]).await.json();
    let id = list["dead"][0]["id"].as_str().expect("an id");
    for arguments in [&["dead", "show", id][..], &["dead", "edit", id, "--data", "new"]] {
        let said = admin(arguments).await.failed(1);
        assert!(said.contains(&format!("the stored bytes of {ticket} are damaged")), "{said}");
        assert!(said.contains("can be discarded") && said.contains("(409)"), "{said}");
    }
    assert_eq!(admin(&["dead", "discard", id, "--dry-run"]).await.ok(), "1 delivery would be discarded\n");
    assert_eq!(admin(&["dead", "discard", id, "--yes"]).await.ok(), "1 delivery is discarded\n");
    assert!(admin(&["dead", "discard", id, "--yes"]).await.failed(1).contains("is not dead"));
    app.stop(Duration::from_secs(5)).await;
}
