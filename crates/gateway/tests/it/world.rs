//! A running Fanlight with one API behind it, all in this process, and the binary beside it.

use crate::program::{self, Ran};
use axum::Router;
use axum::extract::State;
use bytes::Bytes;
use gateway::app::App;
use gateway::config::{self, Process};
use http::{HeaderMap, Method, StatusCode, Uri};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

/// An API that answers with one status, and remembers what it was sent.
#[derive(Default)]
pub(crate) struct Api {
    status: AtomicU16,
    calls: Mutex<Vec<(HeaderMap, Bytes)>>,
    places: Mutex<Vec<String>>,
}

/// All of it.
pub(crate) struct World {
    pub(crate) api: Arc<Api>,
    url: String,
    pub(crate) config: String,
    app: App,
    server: String,
    admin: String,
}

impl Api {
    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// Method, path and query of each call.
    pub(crate) fn places(&self) -> Vec<String> {
        self.places.lock().expect("no test panics with it").clone()
    }

    pub(crate) fn calls(&self) -> Vec<(HeaderMap, Bytes)> {
        self.calls.lock().expect("no test panics with it").clone()
    }
}

impl World {
    /// Routes `signup` and `order` to the targets `crm` and `mailing`, both of which are the API.
    pub(crate) async fn start() -> Self {
        Self::with_mailing("").await
    }

    /// The same with more settings of `mailing`, each after a comma.
    pub(crate) async fn with_mailing(more: &str) -> Self {
        Self::configured(|url| configuration(url, more)).await
    }

    /// With a configuration of its own, made of the API's URL.
    pub(crate) async fn configured(make: impl FnOnce(&str) -> String) -> Self {
        let api = Arc::new(Api { status: AtomicU16::new(200), ..Api::default() });
        let url = format!("http://{}", serve(router(&api)).await);
        let config = make(&url);
        Self::at(url, api, config).await
    }

    /// Nobody listens where both targets are.
    pub(crate) async fn without_api(more: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        drop(listener);
        let config = configuration(&url, more);
        Self::at(url, Arc::default(), config).await
    }

    async fn at(url: String, api: Arc<Api>, config: String) -> Self {
        let app = App::start(config::parse(&config, "world.yaml", &Process).expect("valid"))
            .await
            .expect("it starts");
        let server = format!("http://{}", app.front_address);
        let admin = format!("http://{}", app.admin_address);
        let config = config.replacen("127.0.0.1:0", &app.front_address.to_string(), 1);
        Self { api, url, config, app, server, admin }
    }

    /// Takes other settings of `mailing` into use.
    pub(crate) async fn reload_with_mailing(&self, more: &str) {
        let config = configuration(&self.url, more);
        let config = config::parse(&config, "world.yaml", &Process).expect("valid");
        self.app.reload(config).await.expect("it is taken into use");
    }

    /// Takes its configuration into use with one thing replaced.
    pub(crate) async fn reload_with(&self, from: &str, to: &str) {
        assert!(self.config.contains(from), "{}", self.config);
        let config = config::parse(&self.config.replace(from, to), "world.yaml", &Process).expect("valid");
        self.app.reload(config).await.expect("it is taken into use");
    }

    /// Takes a configuration without the route `signup` and without `mailing` into use.
    pub(crate) async fn reload_with_less(&self) {
        let config = configuration(&self.url, "");
        let gone = ["  signup: ", "  mailing: "];
        let lines = config.lines().filter(|line| !gone.iter().any(|start| line.starts_with(start)));
        let config = lines.collect::<Vec<_>>().join("\n");
        let config = config::parse(&config, "world.yaml", &Process).expect("valid");
        self.app.reload(config).await.expect("it is taken into use");
    }

    /// Runs a command that speaks to the front door.
    pub(crate) async fn front(&self, arguments: &[&str]) -> Ran {
        self.run(arguments, ["--server", &self.server]).await
    }

    /// Runs a command that speaks to the operators' door.
    pub(crate) async fn admin(&self, arguments: &[&str]) -> Ran {
        self.run(arguments, ["--admin", &self.admin]).await
    }

    pub(crate) fn front_url(&self) -> &str {
        &self.server
    }

    pub(crate) fn admin_url(&self) -> &str {
        &self.admin
    }

    /// Sends a sign-up; gives its ticket.
    pub(crate) async fn signup(&self) -> String {
        let data = r#"{"email":"ada@example.com"}"#;
        let receipt = self.front(&["send", "/signup", "--data", data, "--json"]).await.json();
        receipt["id"].as_str().expect("an id").to_owned()
    }

    /// The ticket when every delivery has ended.
    pub(crate) async fn settled(&self, id: &str) -> serde_json::Value {
        let lines = self.front(&["ticket", id, "--watch", "--json"]).await.ok();
        serde_json::from_str(lines.lines().last().expect("a line")).expect("JSON")
    }

    pub(crate) async fn stop(self) {
        self.app.stop(Duration::from_secs(5)).await;
    }

    async fn run(&self, arguments: &[&str], door: [&str; 2]) -> Ran {
        program::run_aside(&[arguments, &door].concat()).await
    }
}

fn configuration(url: &str, more: &str) -> String {
    format!(
        "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\nstore: 'memory:'\nshutdown: {{grace: 1s}}\n\
             routes:\n  signup: {{accept: POST /signup, to: [crm, mailing]}}\n  order: {{accept: 'POST /orders/{{id}}', to: crm}}\n\
             targets:\n  crm: {{url: '{url}/users', retry: {{never: 503}}}}\n  mailing: {{url: '{url}/contacts', retry: {{never: 503}}{more}}}\n"
    )
}

/// Serves a router on a port of its own.
pub(crate) async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    // It ends with the test's runtime.
    TaskTracker::new().spawn(async move { axum::serve(listener, router).await });
    address
}

fn router(api: &Arc<Api>) -> Router {
    async fn answer(
        State(api): State<Arc<Api>>,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
    ) -> (StatusCode, &'static str) {
        api.places.lock().expect("no test panics with it").push(format!("{method} {uri}"));
        api.calls.lock().expect("no test panics with it").push((headers, body));
        let status = StatusCode::from_u16(api.status.load(Ordering::SeqCst)).expect("a status");
        (status, if status.is_success() { "thanks" } else { "no thanks" })
    }
    Router::new().fallback(answer).with_state(Arc::clone(api))
}
