//! What is read from configurations that are right.

use super::*;
use crate::config::pattern::{Lookup, Methods};
use contract::limits;
use contract::part::Reads;
use engine::policy::concurrency::Limit;
use engine::policy::{breaker, retry, statuses};
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
    assert_eq!(mailing.concurrency, Limit::Fixed(64));
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
    assert_eq!((target.breaker, target.disable_after), (Some(breaker::Policy::default()), None));
    assert_eq!((target.concurrency, target.rate), (Limit::Fixed(64), None));
    assert_eq!(target.private, Private::Allow);
    let seconds = Duration::from_secs;
    assert_eq!(target.timeouts, Timeouts { connect: seconds(5), total: seconds(15), idle: seconds(5) });
    for status in 100..=599 {
        assert_eq!(target.statuses.weigh(status), statuses::Statuses::default().weigh(status), "{status}");
    }
}

#[test]
fn a_pace_is_read_in_each_of_its_forms() {
    let of = |lines: &str| {
        let target = good(&with_target(lines)).targets.remove(0);
        (target.concurrency.to_string(), target.rate.map(|rate| rate.to_string()))
    };
    let pace = |concurrency: &str, rate: &str| (concurrency.to_owned(), Some(rate.to_owned()));
    assert_eq!(of("    rate: 100/s\n"), pace("64", "100/s, burst 10"));
    assert_eq!(
        of("    rate: 300/m\n    concurrency: adaptive\n"),
        pace("adaptive, 1 to 256", "300/m, burst 1")
    );
    assert_eq!(
        of("    rate: { limit: 5000/h, burst: 20 }\n    concurrency: { adaptive: { min: 2, max: 16 } }\n"),
        pace("adaptive, 2 to 16", "5000/h, burst 20")
    );
    assert_eq!(of("    concurrency: { adaptive: { max: 8 } }\n").0, "adaptive, 1 to 8");
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
    breaker: { failures: 25%, calls: 8, window: 1m, consecutive: 4, open: 5s, open_max: 1h, host: off }
    disable_after: 5d
    success: [200-204, 3xx]
    private: deny
  stock-2:
    url: https://stock.example.com/
    breaker: off
    tls: { ca: ca.pem, cert: client.pem, key: client.key }
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
    assert_eq!((&target.method, &target.private), (&Method::PUT, &Private::Deny));
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
    let breaker = breaker::Policy {
        failures: 0.25,
        calls: 8,
        window: seconds(60),
        consecutive: 4,
        open: seconds(5),
        open_max: seconds(3600),
        host: breaker::Host::Alone,
    };
    assert_eq!((target.breaker, target.disable_after), (Some(breaker), Some(seconds(5 * 24 * 3600))));
    assert_eq!(config.targets[1].breaker, None);
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
    assert_eq!(good(text).targets[0].concurrency, Limit::Fixed(3));
}

#[test]
fn anchors_and_merges_share_settings_between_targets() {
    let config = good(
        "routes:\n  in: { accept: POST /in, to: [a, b] }\ntargets:\n  a: &base\n    url: https://a.example.com/\n    concurrency: 2\n    headers: { x-a: '1' }\n  b:\n    <<: *base\n    url: https://b.example.com/\n",
    );
    assert_eq!(config.targets[1].url, "https://b.example.com/");
    assert_eq!((config.targets[1].concurrency, config.targets[1].headers.len()), (Limit::Fixed(2), 1));
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
fn a_primary_goes_first_and_who_reads_an_answer_is_known() {
    let text = r#"
routes:
  in:
    accept: POST /in
    to: [tax, crm, mail, log]
    after: { log: mail }
    primary: { target: crm, wait: 10s, retry: on }
  other: { accept: POST /other, to: [crm, tax], primary: crm }
targets:
  crm: { url: "https://crm.example.com/", undo: forget }
  tax: { url: "https://tax.example.com/" }
  mail: { url: "https://mail.example.com/{{ responses.crm.status }}" }
  log: { url: "https://log.example.com/", body: "[$responses.crm.body.id, $responses.mail.headers.x]" }
  forget: { url: "https://crm.example.com/{{ responses.crm.body.id }}" }
"#;
    let config = good(text);
    let [first, second] = &config.routes[..] else { panic!("two routes") };
    let after: Vec<_> = first.parts.iter().map(|part| part.after.as_slice()).collect();
    assert_eq!(after, [[1].as_slice(), &[], &[1], &[2]]);
    let others: Vec<_> = first.parts.iter().map(|part| part.audience.others).collect();
    assert_eq!(others, [Reads::Nothing, Reads::Body, Reads::Head, Reads::Nothing]);
    let primary = Primary { ordinal: 1, wait: Duration::from_secs(10), failure: Failure::IsTriedAgain };
    assert_eq!(first.primary, Some(primary));
    let primary = Primary { ordinal: 0, wait: Duration::from_secs(30), failure: Failure::IsTold };
    assert_eq!(second.primary, Some(primary));
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

#[test]
fn each_way_to_prove_who_calls_is_read() {
    for (lines, shown) in [
        ("bearer: \"${MAIL_TOKEN}\"", "Bearer(***)"),
        ("basic: { user: me, password: \"${MAIL_TOKEN}\" }", "Basic { user: ***, password: *** }"),
        (
            "api_key: { header: x-api-key, value: \"${file:token}\" }",
            "Header { name: \"x-api-key\", value: *** }",
        ),
        (
            "aws: { region: eu-central-1, service: sqs, access_key_id: \"${MAIL_TOKEN}\", secret_access_key: \"${MAIL_TOKEN}\" }",
            "Aws(Aws { region: \"eu-central-1\", service: \"sqs\", access_key_id: ***, secret_access_key: ***, session_token: None })",
        ),
        (
            "oauth2: { token_url: https://auth.example.com/token, client_id: me, client_secret: \"${MAIL_TOKEN}\", scopes: [a, b], audience: crm, client_auth: post }",
            "OAuth2(OAuth2 { token_url: https://auth.example.com/token, client_id: ***, client_secret: ***, scopes: [\"a\", \"b\"], audience: Some(\"crm\"), client_auth: Post })",
        ),
        ("api_key: { query: key, value: \"${MAIL_TOKEN}\" }", "Query { name: \"key\", value: *** }"),
    ] {
        let config = good(&with_target(&format!("    auth: {{ {lines}, methods: [POST], paths: /a/* }}\n")));
        let auth = config.targets[0].auth.as_ref().unwrap();
        assert_eq!(format!("{:?}", auth.proof), shown);
        assert_eq!((auth.scope.methods.as_slice(), auth.scope.paths.len()), ([Method::POST].as_slice(), 1));
        assert!(config.warnings.is_empty(), "{}", config.warnings);
    }
}

#[test]
fn a_secret_that_stands_in_the_file_is_warned_of_and_not_told() {
    let config = good(&with_target(
        "    sign: { secrets: [whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw, whsec_AAKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw] }\n",
    ));
    assert_eq!(format!("{:?}", config.targets[0].keys), "[***, ***]");
    assert_eq!(config.warnings.to_string().matches("a secret stands in the file").count(), 2);
}

#[test]
fn a_target_takes_the_files_proxy_its_own_or_none() {
    let global = "proxy: { url: http://proxy:3128, user: me, password: \"${MAIL_TOKEN}\", except: [.corp, 10.0.0.0/8] }\n";
    let proxy = |lines: &str| {
        let config = good(&format!("{global}{}", with_target(lines)));
        assert!(config.warnings.is_empty(), "{}", config.warnings);
        config.targets[0].proxy.as_ref().map(|proxy| (proxy.host.clone(), proxy.port, proxy.except.len()))
    };
    assert_eq!(proxy(""), Some(("proxy".to_owned(), 3128, 2)));
    assert_eq!(proxy("    proxy: http://10.0.0.1:8080\n"), Some(("10.0.0.1".to_owned(), 8080, 0)));
    assert_eq!(proxy("    proxy: none\n"), None);
}

#[test]
fn a_target_may_lead_to_some_private_networks() {
    let private = |lines: &str| good(&with_target(lines)).targets[0].private.clone();
    let networks = ["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap()).to_vec();
    assert_eq!(private("    private: [10.0.0.0/8, fd00::/8]\n"), Private::Only(networks));
    assert_eq!(private("    private: deny\n"), Private::Deny);
}
