//! What the demo is played on: a folder, two APIs, and a gateway between them and the door.

use crate::app::App;
use crate::cli::client::{Client, Door, ServerUrl};
use crate::cli::screen::{FAINT, HEADING, styled};
use crate::config::{self, Process};
use crate::mock::{Behaviour, Latency, Occasions, Recorded, Server, Statuses};
use http::HeaderValue;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

/// The configuration, with the ports and the folder that people know from the guide.
const CONFIG: &str = include_str!("../../../../../examples/demo/fanlight.yaml");
const CONFIG_PATH: &str = "examples/demo/fanlight.yaml";
const LISTEN: &str = "127.0.0.1:8080";
const ADMIN: &str = "127.0.0.1:8081";
const CRM: &str = "127.0.0.1:9001";
const MAILING: &str = "127.0.0.1:9002";
/// The targets, as the configuration names them.
pub(super) const TARGETS: [&str; 2] = ["crm", "mailing"];
const STORE: &str = "sqlite:./fanlight-data";

/// Any free port of this machine.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Everything has ended by then; this is for connections alone.
const GRACE: Duration = Duration::from_secs(2);

/// All that runs.
pub(super) struct Stage {
    /// The configuration as a file.
    pub(super) config: PathBuf,
    /// The front door.
    pub(super) front: Client,
    /// The operators' door.
    pub(super) admin: Client,
    app: App,
    crm: Server,
    mailing: Server,
}

/// What the configuration says where.
struct Places {
    listen: SocketAddr,
    admin: SocketAddr,
    crm: SocketAddr,
    mailing: SocketAddr,
    config: PathBuf,
    store: PathBuf,
}

impl Stage {
    pub(super) async fn set() -> anyhow::Result<Self> {
        // It stays: the configuration and the store are there to go on with.
        let folder = tempfile::Builder::new().prefix("fanlight-demo-").tempdir()?.keep();
        let crm = Server::start(healthy()?, ANY_PORT).await?;
        let mailing = Server::start(unwell()?, ANY_PORT).await?;
        let mut places = Places {
            listen: ANY_PORT,
            admin: ANY_PORT,
            crm: crm.address(),
            mailing: mailing.address(),
            config: folder.join("fanlight.yaml"),
            store: folder.join("data"),
        };
        let config = config::parse(&places.fill(CONFIG), CONFIG_PATH, &Process)?;
        let app = App::start(config).await?;
        places.listen = app.front_address;
        places.admin = app.admin_address;
        std::fs::write(&places.config, places.fill(CONFIG))?;
        Ok(Self {
            front: ServerUrl::from(app.front_address).client(Door::Front),
            admin: ServerUrl::from(app.admin_address).client(Door::Admin),
            config: places.config,
            app,
            crm,
            mailing,
        })
    }

    /// What each API says that it was asked.
    pub(super) fn heard(&self) -> [(&'static str, Vec<Recorded>); 2] {
        let [crm, mailing] = TARGETS;
        [(crm, self.crm.requests()), (mailing, self.mailing.requests())]
    }

    pub(super) fn front_url(&self) -> String {
        format!("http://{}", self.app.front_address)
    }

    /// The commands to try next, to be copied as they are.
    pub(super) fn next(&self, running: bool, slowest: Option<&str>) -> String {
        let program = std::env::args().next().unwrap_or_else(|| "fanlight".to_owned());
        let config = self.config.display();
        let (front, admin) = (self.front.option(), self.admin.option());
        let start = [
            format!("{program} mock --listen {} &", self.crm.address()),
            format!("{program} mock --listen {} --fail 30% &", self.mailing.address()),
            format!("{program} serve --config {config} &"),
        ];
        let explore = [
            format!(
                "{program} send signup --config {config} --wait 10 --data '{{\"email\": \"you@example.com\", \"consent\": true}}'"
            ),
            format!("{program} ticket {}{front}", slowest.unwrap_or("ID")),
            format!("{program} target pause mailing{admin}"),
            format!("{program} dead list{admin}"),
        ];
        let start = if running { &[][..] } else { &start };
        let lines: Vec<String> = start.iter().chain(&explore).map(|line| format!("  {line}")).collect();
        let title = if running {
            "Try next, in another terminal"
        } else {
            "Try next: the same gateway goes on with what it has kept"
        };
        let folder = self.config.parent().unwrap_or(&self.config).display();
        let end = format!("All of it is in {folder}; delete that folder when you have seen enough.");
        format!("{}\n{}\n\n{}", styled(HEADING, title), lines.join("\n"), styled(FAINT, end))
    }

    /// Ends everything; the folder stays.
    pub(super) async fn strike(self) {
        self.app.stop(GRACE).await;
        self.crm.stop().await;
        self.mailing.stop().await;
    }
}

impl Places {
    fn fill(&self, text: &str) -> String {
        // A JSON string is a YAML string, whatever is in the path.
        let store = serde_json::Value::from(format!("sqlite:{}", self.store.display())).to_string();
        [(LISTEN, self.listen), (ADMIN, self.admin), (CRM, self.crm), (MAILING, self.mailing)]
            .iter()
            .fold(text.to_owned(), |text, (from, to)| text.replace(from, &to.to_string()))
            .replace(STORE, &store)
            .replace(CONFIG_PATH, &self.config.display().to_string())
    }
}

fn healthy() -> anyhow::Result<Behaviour> {
    Ok(Behaviour { latency: "10ms-40ms".parse::<Latency>()?, ..Behaviour::default() })
}

/// What the comments at the top of the configuration say as well.
fn unwell() -> anyhow::Result<Behaviour> {
    Ok(Behaviour {
        latency: "20ms-60ms".parse::<Latency>()?,
        statuses: "503x8,200".parse::<Statuses>()?,
        retry_after: Some(HeaderValue::from_static("1")),
        hang: Occasions::at(&[9]),
        ..Behaviour::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_of_the_configuration_is_filled_in() {
        let at = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let places = Places {
            listen: at(1),
            admin: at(2),
            crm: at(3),
            mailing: at(4),
            config: "/tmp/a b/fanlight.yaml".into(),
            store: "/tmp/a: b #c/data".into(),
        };
        for standard in [LISTEN, ADMIN, CRM, MAILING, STORE, CONFIG_PATH] {
            assert!(CONFIG.contains(standard), "{standard}");
        }
        let text = places.fill(CONFIG);
        for standard in [LISTEN, ADMIN, CRM, MAILING, STORE, CONFIG_PATH] {
            assert!(!text.contains(standard), "{standard}");
        }
        let config = config::parse(&text, "demo.yaml", &Process).unwrap();
        assert_eq!((config.listen, config.admin), (at(1), at(2)));
        assert!(matches!(config.store, config::StoreLocation::Sqlite(folder) if folder == places.store));
        let urls: Vec<_> = config.targets.iter().map(|target| target.url.to_string()).collect();
        assert_eq!(urls, ["http://127.0.0.1:3/users", "http://127.0.0.1:4/contacts"]);
        assert!(config.warnings.is_empty(), "{}", config.warnings);
    }

    #[test]
    fn the_comments_of_the_configuration_start_the_apis_of_the_demo() {
        let unwell = unwell().unwrap();
        assert!(CONFIG.contains("--latency 10ms-40ms\n"));
        assert!(CONFIG.contains("--latency 20ms-60ms --status 503x8,200 --retry-after 1 --hang 9\n"));
        assert_eq!(unwell.statuses, "503x8,200".parse().unwrap());
        assert_eq!(unwell.hang, "9".parse().unwrap());
    }
}
