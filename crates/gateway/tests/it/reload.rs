//! What a running Fanlight says of a configuration that it cannot wholly take into use.

use gateway::app::App;
use gateway::config::{self, Config, Process};
use std::time::Duration;

fn configuration(body: &str) -> Config {
    let text = format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nstore: 'memory:'\nlimits: {{body: {body}}}\n\
         routes: {{signup: {{accept: POST /signup, to: crm}}}}\ntargets: {{crm: {{url: 'https://crm.example.com'}}}}\n"
    );
    config::parse(&text, "reload.yaml", &Process).expect("valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_needs_a_restart_is_told_from_what_runs_and_not_from_the_last_file() {
    let app = App::start(configuration("1MiB")).await.expect("it starts");
    assert_eq!(app.needs_restart(&configuration("2MiB")), ["limits"]);
    app.reload(configuration("2MiB")).await.expect("it is taken into use");
    assert_eq!(app.needs_restart(&configuration("2MiB")), ["limits"], "it still runs with the first");
    assert!(app.needs_restart(&configuration("1MiB")).is_empty(), "it is as it runs");
    app.stop(Duration::from_secs(5)).await;
}
