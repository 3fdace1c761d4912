//! Encrypted secrets by command: kept from standard input, named, removed, and encrypted anew with another key.

use crate::program::{Ran, command};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const NEXT: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const CONFIG: &str = "routes: { in: { accept: POST /in, to: out } }
targets: { out: { url: https://example.com/, auth: { bearer: \"${secret:token}\" } } }
";

/// Runs in a folder, with a key in the environment and this on standard input.
fn run(folder: &Path, key: &str, arguments: &[&str], input: &str) -> Ran {
    let mut command = command(arguments);
    command.current_dir(folder).env("FANLIGHT_SECRETS_KEY", key).env_remove("FANLIGHT_SECRETS_NEW_KEY");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    let mut stdin = child.stdin.take().expect("piped");
    // One that fails early does not read it.
    drop(stdin.write_all(input.as_bytes()));
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fanlight.yaml"), CONFIG).unwrap();
    folder
}

#[test]
fn a_configuration_can_be_used_once_its_secrets_are_kept() {
    let folder = folder();
    let run = |key, arguments: &[&str], input| run(folder.path(), key, arguments, input);
    let said = run(KEY, &["check"], "").failed(1);
    assert!(
        said.contains("there is no secret `token`") && said.contains("fanlight secrets set token"),
        "{said}"
    );
    run(KEY, &["secrets", "set", "token"], "hunter2-token\n").ok();
    run(KEY, &["secrets", "set", "other"], "x").ok();
    assert!(run(KEY, &["check"], "").ok().contains("can be used"));
    assert_eq!(run(KEY, &["secrets", "list"], "").ok(), "other\ntoken\n");
    assert_eq!(run(KEY, &["secrets", "list", "--json"], "").json()["secrets"][1], "token");
    run(KEY, &["secrets", "remove", "token"], "").ok();
    assert!(run(KEY, &["check"], "").failed(1).contains("there is no secret `token`"));
    let file = std::fs::read_to_string(folder.path().join("secrets.enc")).unwrap();
    assert!(!file.contains("hunter2") && !file.contains("token"), "{file}");
}

#[test]
fn after_a_rotation_only_the_new_key_opens_them() {
    let folder = folder();
    let run = |key, arguments: &[&str], input| run(folder.path(), key, arguments, input);
    run(KEY, &["secrets", "set", "token"], "hunter2-token").ok();
    let said = run(NEXT, &["secrets", "set", "token"], "x").failed(1);
    assert!(said.contains("encrypted with another key"), "{said}");
    assert!(run(KEY, &["secrets", "rotate"], "").failed(2).contains("FANLIGHT_SECRETS_NEW_KEY"));
    std::fs::write(folder.path().join("next.key"), format!("{NEXT}\n")).unwrap();
    let said = run(KEY, &["secrets", "rotate", "--new-key-file", "next.key"], "").ok();
    assert!(said.contains("1 secret encrypted with the new key"), "{said}");
    assert!(run(KEY, &["check"], "").failed(1).contains("encrypted with another key"));
    assert!(run(NEXT, &["check"], "").ok().contains("can be used"));
}

#[test]
fn what_cannot_be_kept_says_why_and_changes_nothing() {
    let folder = folder();
    let cases: [(&str, &[&str], &str, i32, &str); 5] = [
        (KEY, &["secrets", "set", "token"], "\n", 2, "standard input is empty"),
        (KEY, &["secrets", "set", "a b"], "x", 2, "a b"),
        ("short", &["secrets", "set", "token"], "x", 1, "is not 32 bytes in base64"),
        (KEY, &["secrets", "remove", "token"], "", 1, "there is no secret `token`"),
        (KEY, &["secrets", "list", "--config", "nope.yaml"], "", 1, "cannot be read"),
    ];
    for (key, arguments, input, code, words) in cases {
        let said = run(folder.path(), key, arguments, input).failed(code);
        assert!(said.contains(words) && !said.contains(KEY), "{arguments:?}: {said}");
    }
    let long = run(folder.path(), KEY, &["secrets", "set", "token"], &"x".repeat(64 * 1024 + 1)).failed(2);
    assert!(long.contains("65536 bytes"), "{long}");
    assert!(!folder.path().join("secrets.enc").exists());
}
