//! `fanlight verify` and its exit codes: 0 whole, 1 cannot be read, 3 damaged.

use crate::program::run;
use gateway::app::App;
use gateway::config::{self, Process};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn configuration(store: &str) -> String {
    format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nstore: '{store}'\n\
         routes: {{signup: {{accept: POST /signup, to: crm}}}}\ntargets: {{crm: {{url: 'https://crm.example.com'}}}}\n"
    )
}

/// A store that a gateway made, and the configuration that names it.
async fn store(folder: &Path) -> (PathBuf, String) {
    let data = folder.join("data");
    let text = configuration(&format!("sqlite:{}", data.display()));
    let app =
        App::start(config::parse(&text, "verify.yaml", &Process).expect("valid")).await.expect("starts");
    app.stop(Duration::from_secs(5)).await;
    let file = folder.join("fanlight.yaml");
    std::fs::write(&file, text).expect("written");
    (data, file.to_str().expect("text").to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_store_ends_with_one_line_and_zero() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, config) = store(folder.path()).await;
    let said = run(&["verify", "--config", &config]).ok();
    assert!(said.starts_with(&format!("{} is whole; 3 files, 0 messages, ", data.display())), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let json = run(&["verify", data.to_str().expect("text"), "--json"]).json();
    assert_eq!(
        (&json["whole"], &json["files"], &json["findings"]),
        (&true.into(), &3.into(), &serde_json::json!([]))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_store_is_told_apart_from_one_that_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, config) = store(folder.path()).await;
    let slice = data.join("slice-000001.db");
    let mut bytes = std::fs::read(&slice).expect("a slice");
    bytes[8192..8256].fill(0xff);
    std::fs::write(&slice, bytes).expect("written");
    let ran = run(&["verify", "--config", &config]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.out.contains("slice-000001.db: damaged pages: ") && ran.out.contains("look at the disk"),
        "{ran:?}"
    );
    assert!(ran.out.lines().last().expect("a line").contains("is damaged: "), "{ran:?}");
    assert_eq!(ran.out.matches("look at the disk; restore").count(), 1, "the same advice once: {ran:?}");
    let ran = run(&["verify", "--config", &config, "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!(
        (ran.code, &json["whole"], &json["findings"][0]["damage"]),
        (Some(3), &false.into(), &"pages".into())
    );
    let nowhere = folder.path().join("nowhere");
    let said = run(&["verify", nowhere.to_str().expect("text")]).failed(1);
    assert!(said.contains("has no store") && said.contains("nowhere"), "{said}");
    let ran = run(&["verify", nowhere.to_str().expect("text"), "--json"]);
    let json: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, &json["whole"]), (Some(1), &serde_json::Value::Null));
    assert!(json["error"].as_str().expect("text").contains("has no store"), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_refuses_a_store_that_a_start_would_refuse() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, config) = store(folder.path()).await;
    run(&["check", "--config", &config]).ok();
    let slice = data.join("slice-000001.db");
    let whole = std::fs::read(&slice).expect("a slice");
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&99_u32.to_be_bytes());
    for (bytes, words) in [(newer, "was written by a newer Fanlight (schema 99"), (Vec::new(), "is empty")] {
        std::fs::write(&slice, &bytes).expect("written");
        let said = run(&["check", "--config", &config]).failed(1);
        assert!(said.contains("slice-000001.db") && said.contains(words), "{said}");
        assert_eq!(std::fs::read(&slice).expect("a slice"), bytes, "check wrote to it");
    }
    std::fs::write(&slice, whole).expect("written");
    run(&["check", "--config", &config]).ok();
}

#[test]
fn a_store_in_memory_leaves_nothing_to_verify() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fanlight.yaml");
    std::fs::write(&file, configuration("memory:")).expect("written");
    let said = run(&["verify", "--config", file.to_str().expect("text")]).failed(2);
    assert!(said.contains("keeps nothing on disk"), "{said}");
}
