//! What is read from configurations that are right.

use super::*;
use crate::config::pattern::{Lookup, Methods};
use contract::limits;
use engine::policy::{retry, statuses};
use http::Method;
use std::path::PathBuf;
use std::time::Duration;

#[test]
fn the_first_configuration_of_the_guide_is_read_as_it_is() {
    let config = good(COMPLETE);
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.to_string(), "127.0.0.1:8081");
    assert_eq!(config.store, StoreLocation::Sqlite(PathBuf::from("./fanlight-data")));
    let [route] = config.routes.as_slice() else { panic!("one route") };
    assert_eq!((route.name.as_str(), &route.methods), ("signup", &Methods::Only(vec![Method::POST])));
    assert_eq!(route.pattern.to_string(), "/signup");
    assert_eq!(route.to.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["crm", "mailing"]);
    let [crm, mailing] = config.targets.as_slice() else { panic!("two targets") };
    assert_eq!(crm.url, "https://crm.example.com/users");
    assert_eq!(mailing.when.as_ref().map(|when| when.text()), Some(".consent == true"));
    assert_eq!(mailing.body.as_ref().map(|body| body.text()), Some("{email: .email, list: \"welcome\"}"));
    let [(name, value)] = mailing.headers.as_slice() else { panic!("one header") };
    assert_eq!((name.as_str(), value.as_bytes()), ("authorization", b"Bearer s3cret".as_slice()));
    let waits = [0, 5, 300, 1800, 7200].map(Duration::from_secs).to_vec();
    assert_eq!(mailing.retry, retry::Policy::try_new(retry::Schedule::List(waits), 0.2).unwrap());
    assert_eq!(mailing.timeouts.total, Duration::from_secs(15));
    assert_eq!(mailing.concurrency, 64);
    assert!(config.warnings.is_empty(), "{}", config.warnings);
}

#[test]
fn what_is_not_said_has_the_published_defaults() {
    let config = good(&with_target(""));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.admin.to_string(), "127.0.0.1:8081");
    assert_eq!(config.store, StoreLocation::Sqlite(PathBuf::from("./fanlight-data")));
    assert_eq!(config.node.as_str(), "local");
    assert_eq!(config.retention.time, Duration::from_secs(7 * 24 * 3600));
    assert_eq!(config.retention.dead, Duration::from_secs(30 * 24 * 3600));
    assert_eq!(config.retention.bytes, 10_000_000_000);
    assert_eq!(config.limits.body, limits::BODY_BYTES_DEFAULT);
    assert_eq!(config.limits.accept_queue, limits::ACCEPT_QUEUE_MAX);
    assert_eq!(config.limits.memory, limits::WINDOW_BYTES_MAX);
    assert_eq!(config.shutdown_grace, Duration::from_secs(30));
    assert_eq!(config.log, Log { level: LogLevel::Info, format: LogFormat::Auto });
    let route = &config.routes[0];
    assert_eq!((route.body_max, route.deadline), (limits::BODY_BYTES_DEFAULT, None));
    assert!(route.content_types.is_none() && route.key.is_none());
    let target = &config.targets[0];
    assert_eq!(target.method, Method::POST);
    assert_eq!(target.retry, retry::Policy::default());
    assert_eq!(target.concurrency, 64);
    assert_eq!(target.private, Private::Allow);
    let seconds = Duration::from_secs;
    assert_eq!(target.timeouts, Timeouts { connect: seconds(5), total: seconds(15), idle: seconds(5) });
    for status in 100..=599 {
        assert_eq!(target.statuses.weigh(status), statuses::Statuses::default().weigh(status), "{status}");
    }
}

#[test]
fn every_key_arrives_where_it_belongs() {
    let config = good(
        r#"
listen: "[::1]:${PORT}"
admin: "[::1]:9001"
store: "memory:"
node: eu-1
retention: { time: 1d, dead: 2d, bytes: 1GiB }
limits: { body: 1MiB, accept_queue: 10, connections: 20, memory: 32MiB }
shutdown: { grace: 5s }
log: { level: debug, format: json }
routes:
  orders:
    accept: POST|PUT /orders/{id}
    to: [stock, stock-2]
    body: 2KiB
    deadline: 1h
    content_types: [application/json, text/*]
    types: [com.example.order, com.example.orders.*]
    key: .customer
targets:
  stock:
    url: http://localhost:${PORT}/in?x=1
    method: PUT
    when: true
    headers:
      x-count: 1.10
      x-file: ${file:token}
      x-literal: $${HOME}
    retry:
      exponential: { first: 1s, factor: 1.5, max: 1m, attempts: 7 }
      jitter: 0%
      on: [404, 410]
      never: 500-502
    timeout: { connect: 1s, total: "${WAIT}", idle: 3s }
    concurrency: 1
    success: [200-204, 3xx]
    private: deny
  stock-2:
    url: https://stock.example.com/
    tls: { ca: ca.pem }
"#,
    );
    assert_eq!(config.listen.to_string(), "[::1]:9000");
    assert_eq!(config.store, StoreLocation::Memory);
    assert_eq!(config.node.as_str(), "eu-1");
    assert_eq!(config.retention.bytes, 1 << 30);
    let limits = Limits { body: 1 << 20, accept_queue: 10, connections: 20, memory: 32 << 20 };
    assert_eq!(config.limits, limits);
    assert_eq!(config.log, Log { level: LogLevel::Debug, format: LogFormat::Json });
    let route = &config.routes[0];
    assert_eq!(route.methods, Methods::Only(vec![Method::POST, Method::PUT]));
    assert_eq!((route.body_max, route.deadline), (2048, Some(Duration::from_secs(3600))));
    assert!(
        route
            .content_types
            .as_ref()
            .is_some_and(|types| types.allow("text/csv") && !types.allow("image/png"))
    );
    let takes = |kind: &str| route.types.iter().any(|pattern| pattern.matches(kind));
    assert!(takes("com.example.order") && takes("com.example.orders.new") && !takes("com.example.user"));
    assert_eq!(route.key.as_ref().map(|key| key.text()), Some(".customer"));
    let target = &config.targets[0];
    assert_eq!(target.url, "http://localhost:9000/in?x=1");
    assert_eq!(target.url_shown, "http://localhost:${PORT}/in?x=1");
    assert_eq!((&target.method, target.private), (&Method::PUT, Private::Deny));
    assert_eq!(target.when.as_ref().map(|when| when.text()), Some("true"));
    let headers: Vec<_> =
        target.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(headers, [("x-count", "1.10"), ("x-file", "from-file"), ("x-literal", "${HOME}")]);
    let growing = retry::Schedule::Exponential {
        first: Duration::from_secs(1),
        factor: 1.5,
        max: Duration::from_secs(60),
        attempts: 7,
    };
    assert_eq!(target.retry, retry::Policy::try_new(growing, 0.0).unwrap());
    assert_eq!(target.statuses.success, statuses::Set(vec![200..=204, 300..=399]));
    assert_eq!(target.statuses.retried, statuses::Set(vec![404..=404, 410..=410]));
    assert_eq!(target.statuses.refused, statuses::Set(vec![500..=502]));
    let seconds = Duration::from_secs;
    assert_eq!(target.timeouts, Timeouts { connect: seconds(1), total: seconds(20), idle: seconds(3) });
    assert!(config.targets[1].ca.as_ref().is_some_and(|pem| pem.starts_with(b"-----BEGIN CERTIFICATE")));
}

#[test]
fn a_value_from_outside_is_never_printed() {
    let text = with_target(
        "    headers: { authorization: 'Bearer ${MAIL_TOKEN}', x-key: '${file:token}', x-open: open }\n",
    );
    let text = text.replace("https://example.com/", "https://example.com/${MAIL_TOKEN}");
    let text = format!("{text}    when: .a == \"${{MAIL_TOKEN}}\"\n");
    let config = good(&text);
    assert!(config.targets[0].url.path().contains("s3cret"));
    let printed = format!("{config:?}");
    assert!(!printed.contains("s3cret") && !printed.contains("from-file"), "{printed}");
    assert!(printed.contains("open"), "{printed}");
    for text in [
        with_target("    headers: { authorization: '${BROKEN}' }\n"),
        with_target("    timeout: ${MAIL_TOKEN}\n"),
        with_target("    when: '${MAIL_TOKEN} +'\n"),
        with_target("    retry: { jitter: '${MAIL_TOKEN}' }\n"),
        with_route("    accept: 'POST /${BROKEN}'\n"),
    ] {
        let told = wrong(&text);
        assert!(!told.contains("s3cret"), "{told}");
    }
}

#[test]
fn json_is_read_like_yaml() {
    let text = "{\n\t\"routes\": {\"in\": {\"accept\": \"POST /in\", \"to\": [\"out\"]}},\n\t\"targets\": {\"out\": {\"url\": \"https://example.com/\", \"concurrency\": 3}}\n}";
    assert_eq!(good(text).targets[0].concurrency, 3);
}

#[test]
fn anchors_and_merges_share_settings_between_targets() {
    let config = good(
        "routes:\n  in: { accept: POST /in, to: [a, b] }\ntargets:\n  a: &base\n    url: https://a.example.com/\n    concurrency: 2\n    headers: { x-a: '1' }\n  b:\n    <<: *base\n    url: https://b.example.com/\n",
    );
    assert_eq!(config.targets[1].url, "https://b.example.com/");
    assert_eq!((config.targets[1].concurrency, config.targets[1].headers.len()), (2, 1));
}

#[test]
fn the_routing_table_has_the_indices_of_the_routes() {
    let config = good(
        "targets: { out: { url: https://example.com/ } }\nroutes:\n  any: { accept: 'ANY /hooks/{*rest}', to: out }\n  one: { accept: 'POST /hooks/{id}', to: out }\n",
    );
    let routes = config.routing();
    let Lookup::Found { route, params } = routes.find(&Method::POST, "/hooks/7") else { panic!("found") };
    assert_eq!((config.routes[route].name.as_str(), params[0].0, &*params[0].1), ("one", "id", "7"));
    let Lookup::Found { route, .. } = routes.find(&Method::GET, "/hooks/7") else { panic!("found") };
    assert_eq!(config.routes[route].name.as_str(), "any");
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let config = good(
        "routes:\n  in: { accept: POST /in, to: [plain, slow], key: 'def f: f; f' }\ntargets:\n  plain: { url: 'http://api.example.com/' }\n  slow:\n    url: http://127.0.0.1:9000/\n    timeout: 10m\n    body: 'def f: f; f'\n  spare: { url: https://example.com/ }\n",
    );
    assert_page!(config.warnings);
}

#[test]
fn the_schema_is_what_editors_get() {
    assert_page!(serde_json::to_string_pretty(&schema()).unwrap());
}

#[test]
fn the_reference_names_every_key() {
    let page = reference();
    assert_page!(page);
    fn keys(schema: &serde_json::Value, found: &mut Vec<String>) {
        let properties = schema.get("properties").and_then(serde_json::Value::as_object);
        found.extend(properties.into_iter().flatten().map(|(key, _)| key.clone()));
        schema.as_object().into_iter().flatten().for_each(|(_, value)| keys(value, found));
    }
    let mut found = Vec::new();
    keys(&schema(), &mut found);
    assert!(found.len() > 40, "{found:?}");
    for key in found {
        assert!(page.contains(&format!("| `{key}` |")), "{key}");
    }
}

#[test]
fn every_example_is_read_without_a_warning() {
    /// The real files, with any variable set to what is a token and a port.
    struct Anything;
    impl Environment for Anything {
        fn variable(&self, _: &str) -> Option<String> {
            Some("9000".to_owned())
        }
        fn file(&self, path: &Path) -> io::Result<Vec<u8>> {
            Process.file(path)
        }
    }
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    let mut read = Vec::new();
    for folder in std::fs::read_dir(examples).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                let config = load(&path, &Anything).unwrap_or_else(|report| panic!("{report}"));
                assert!(config.warnings.is_empty(), "{}", config.warnings);
                read.push(path);
            }
        }
    }
    for name in ["order", "signup"] {
        assert!(
            read.iter().any(|path| path.ends_with(format!("{name}/fanlight.yaml"))),
            "{name} in {read:?}"
        );
    }
}

#[test]
fn templates_stand_behind_the_host_and_in_headers() {
    let text = r#"
routes: { in: { accept: POST /in, to: out } }
targets:
  out:
    url: "https://${MAIL_TOKEN}.example.com:8443/users/{{ params.id }}?x={{ body.x }}"
    headers: { x-tenant: "{{ headers['x-tenant'] }}", x-plain: a, authorization: "${MAIL_TOKEN}" }
"#;
    let config = good(text);
    let target = &config.targets[0];
    assert_eq!(target.url, "https://s3cret.example.com:8443");
    assert_eq!(target.path.as_ref().map(|path| path.text()), Some("/users/{{ params.id }}?x={{ body.x }}"));
    let made: Vec<_> = target.made.iter().map(|(name, value)| (name.as_str(), value.text())).collect();
    assert_eq!(made, [("x-tenant", "{{ headers['x-tenant'] }}")]);
    assert_eq!(target.headers.len(), 2);
    let warned = config.warnings.to_string();
    assert!(warned.contains("asks for `params.id`, which the path of this route does not have"), "{warned}");
}
