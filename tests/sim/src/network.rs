//! The network between the engine and the APIs: names, addresses and pipes in memory.

use crate::api::{Api, Scene};
use crate::random::Random;
use connectors::http::Dial;
use connectors::http::dial::Unresolved;
use connectors::http::line::Line;
use contract::{Clock, Promise, Tick};
use parking_lot::Mutex;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::task::JoinSet;

/// Bytes that a pipe holds: so little that a body does not fit at once.
const PIPE_BYTES: usize = 512;

/// The network of one life.
pub(crate) struct Network {
    pub(crate) apis: Vec<Arc<Api>>,
    pub(crate) scene: Scene,
    pub(crate) random: Random,
    pub(crate) connections: Mutex<JoinSet<()>>,
    /// The resolver gives no answer until then.
    pub(crate) silent_until: Mutex<Tick>,
}

impl Network {
    fn api(&self, address: IpAddr) -> Option<&Arc<Api>> {
        self.apis.iter().find(|api| address_of(api.number) == address)
    }
}

fn address_of(number: usize) -> IpAddr {
    Ipv4Addr::new(10, 0, 0, u8::try_from(number + 1).unwrap_or(u8::MAX)).into()
}

/// The host name of an API.
pub(crate) fn host(number: usize) -> String {
    format!("api{number}.example")
}

impl Dial for Network {
    fn resolve<'a>(&'a self, name: &'a str) -> Promise<'a, Result<Arc<[IpAddr]>, Unresolved>> {
        Box::pin(async move {
            let now = self.scene.clock.tick();
            if self.random.chance(1) {
                *self.silent_until.lock() = Tick(now.0 + self.random.millis(0..=30_000));
            }
            if now <= *self.silent_until.lock() && now > Tick::default() {
                return Err(Unresolved::NoAnswer { detail: "the simulated resolver is out".to_owned() });
            }
            let number = self.apis.iter().map(|api| api.number).find(|number| host(*number) == name);
            number.map(|number| [address_of(number)].into()).ok_or(Unresolved::NoSuchName)
        })
    }

    fn connect(&self, to: SocketAddr) -> Promise<'_, io::Result<Line>> {
        Box::pin(async move {
            self.scene.clock.sleep(self.random.millis(0..=20)).await;
            let api = self.api(to.ip()).filter(|api| api.listens(self.scene.clock.tick()));
            let api = api.ok_or(io::ErrorKind::ConnectionRefused)?;
            let (near, far) = tokio::io::duplex(PIPE_BYTES);
            let mut connections = self.connections.lock();
            while connections.try_join_next().is_some() {}
            connections.spawn(Arc::clone(api).serve(far, self.scene.clone()));
            Ok(Line::other(near))
        })
    }
}
