//! What is said about arguments that make no sense: exit code 2, and what would.

use crate::program::{self, run};

#[test]
fn a_wrong_argument_is_told_apart_from_a_failure() {
    let cases: [&[&str]; 17] = [
        &["sned"],
        &["send"],
        &["send", "signup"],
        &["send", "/signup", "--wait", "0"],
        &["send", "/signup", "--key", ""],
        &["send", "/signup", "--header", "no colon"],
        &["send", "/signup", "--server", "https://example.com"],
        &["ticket", "msg_1"],
        &["tail", "--target", "no name"],
        &["dead", "list", "--since", "yesterday"],
        &["dead", "list", "--limit", "0"],
        &["dead", "redrive"],
        &["dead", "redrive", "dlv_01929b3c-5d2e-7000-8000-0123456789ab", "--target", "crm"],
        &["dead", "redrive", "--all", "--rate", "0"],
        &["dead", "discard", "--target", "crm"],
        &["completions", "tcl"],
        &["serve", "--threads", "0"],
    ];
    let said: Vec<String> =
        cases.iter().map(|case| format!("$ fanlight {}\n{}", case.join(" "), run(case).failed(2))).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_configuration_with_problems_fails_the_check() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("fanlight.yaml");
    std::fs::write(&file, "routes: {signup: {accept: POST /signup, to: crn}}\ntargets: {crm: {url: 'https://crm.example.com'}}\n").unwrap();
    let file = file.to_str().unwrap();
    let said = run(&["check", "--config", file]).failed(1);
    assert!(said.contains("there is no target `crn`") && said.contains("did you mean `crm`?"), "{said}");
    let ran = run(&["check", "--config", file, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (ran.code, &report["valid"], &report["problems"][0]["line"]),
        (Some(1), &false.into(), &1.into())
    );
}

#[test]
fn a_configuration_without_problems_shows_where_its_routes_lead() {
    let folder = tempfile::tempdir().unwrap();
    let text = "routes:\n  signup: {accept: POST /signup, to: [crm, mailing]}\n\
                targets:\n  crm: {url: 'https://crm.example.com/users'}\n  mailing: {url: 'https://mail.example.com', method: PUT}\n";
    std::fs::write(folder.path().join("fanlight.yaml"), text).unwrap();
    // The file's standard name, in the working directory.
    let output = program::command(&["check"]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
    let output = program::command(&["check", "--json"]).current_dir(folder.path()).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        json["routes"],
        serde_json::json!([{ "name": "signup", "accept": "POST /signup", "to": ["crm", "mailing"] }])
    );
}

#[test]
fn a_configuration_that_is_not_there_is_named() {
    let said = run(&["serve", "--config", "no/such.yaml"]).failed(1);
    assert!(said.contains("no/such.yaml"), "{said}");
}

#[test]
fn the_schema_is_json_and_completions_are_a_script() {
    let schema = run(&["schema"]).json();
    assert_eq!(schema["title"], "Fanlight configuration");
    assert!(run(&["completions", "bash"]).ok().contains("_fanlight()"));
}

#[test]
fn a_server_that_is_not_there_is_named_with_what_to_do() {
    // Bound and let go: nobody listens there now.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{address}");
    let said = run(&["target", "list", "--admin", &url]).failed(1);
    assert!(said.starts_with(&format!("error: nothing listens at {url} (")), "{said}");
    assert!(said.ends_with(": is `fanlight serve` running? --admin says where\n"), "{said}");
    let said = run(&["send", "/signup", "--server", &url]).failed(1);
    assert!(said.ends_with("--server says where\n"), "{said}");
}

#[test]
fn the_environment_says_where_the_server_is() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = program::command(&["dead", "list"]);
    let output = command.env("FANLIGHT_ADMIN", format!("http://{address}")).output().unwrap();
    assert!(
        String::from_utf8(output.stderr).unwrap().contains(&format!("nothing listens at http://{address}"))
    );
}

#[test]
fn check_shows_who_waits_who_undoes_and_who_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = "routes:\n  order: {accept: POST /orders, to: [stock, pay, mail], after: {pay: stock}, optional: mail, callback: shop}\n\
                targets:\n  stock: {url: 'https://stock.example.com', undo: unstock}\n  unstock: {url: 'https://unstock.example.com'}\n  \
                pay: {url: 'https://pay.example.com'}\n  mail: {url: 'https://mail.example.com'}\n  shop: {url: 'https://shop.example.com'}\n";
    std::fs::write(folder.path().join("fanlight.yaml"), text).unwrap();
    let output = program::command(&["check"]).current_dir(folder.path()).output().unwrap();
    insta::assert_snapshot!(String::from_utf8(output.stdout).unwrap());
    let output = program::command(&["check", "--json"]).current_dir(folder.path()).output().unwrap();
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["routes"][0]["after"], serde_json::json!({ "pay": ["stock"] }));
    assert_eq!(json["routes"][0]["callback"], "shop");
    assert_eq!(json["targets"][0]["undo"], "unstock");
}

#[test]
fn check_shows_whose_answer_the_caller_gets() {
    let folder = tempfile::tempdir().unwrap();
    let text = "routes: {order: {accept: POST /orders, to: [stock, pay], primary: stock}}\n\
                targets:\n  stock: {url: 'https://stock.example.com'}\n  pay: {url: 'https://pay.example.com'}\n";
    std::fs::write(folder.path().join("fanlight.yaml"), text).unwrap();
    let check = |arguments: &[&str]| {
        let all: Vec<&str> = ["check"].iter().chain(arguments).copied().collect();
        String::from_utf8(program::command(&all).current_dir(folder.path()).output().unwrap().stdout).unwrap()
    };
    let told = check(&[]);
    assert!(told.contains("stock (primary) ") && told.contains("pay (after stock) "), "{told}");
    let json: serde_json::Value = serde_json::from_str(&check(&["--json"])).unwrap();
    assert_eq!(json["routes"][0]["primary"], "stock");
}

#[test]
fn a_target_is_explained_without_its_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let text = "defaults: {timeout: 30s}\nroutes: {pay: {accept: POST /pay, to: pay}}\n\
                targets:\n  pay: {uses: stripe, with: {key: '${PAY_KEY}'}, path: /v1/charges, concurrency: 4}\n";
    std::fs::write(folder.path().join("fanlight.yaml"), text).unwrap();
    let explain = |arguments: &[&str]| {
        let all: Vec<&str> = ["target", "explain"].iter().chain(arguments).copied().collect();
        program::command(&all).current_dir(folder.path()).env("PAY_KEY", "sk_s3cret").output().unwrap()
    };
    let output = explain(&["pay"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && !page.contains("s3cret"), "{page}");
    insta::assert_snapshot!(page);
    let output = explain(&["pay", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let setting =
        |key: &str| json["settings"].as_array().unwrap().iter().find(|row| row["key"] == key).cloned();
    let timeout = serde_json::json!({ "key": "timeout.total", "value": "30s", "layer": "defaults", "from": "fanlight.yaml:1:21" });
    assert_eq!(setting("timeout.total"), Some(timeout));
    let key = setting("auth.bearer").unwrap();
    assert_eq!(
        (&key["value"], &key["layer"], &key["from"]),
        (&"${PAY_KEY}".into(), &"preset".into(), &"stripe".into())
    );
    let output = explain(&["pya"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("its targets are: pay"));
}

#[test]
fn presets_are_listed_and_shown_with_their_sources() {
    let list = run(&["presets", "list"]).ok();
    for name in ["stripe", "salesforce-marketing-cloud", "openai"] {
        assert!(list.contains(name), "{list}");
    }
    let json: serde_json::Value = serde_json::from_str(&run(&["presets", "list", "--json"]).ok()).unwrap();
    assert_eq!(json["presets"].as_array().unwrap().len(), 20);
    let shown = run(&["presets", "show", "stripe"]).ok();
    assert!(shown.contains("https://docs.stripe.com/") && shown.contains("encode: form"), "{shown}");
    let json: serde_json::Value =
        serde_json::from_str(&run(&["presets", "show", "stripe", "--json"]).ok()).unwrap();
    assert_eq!(json["with"]["key"]["secret"], true);
    let said = run(&["presets", "show", "strype"]).failed(2);
    assert!(said.contains("there is no preset `strype`") && said.contains("stripe"), "{said}");
}
