//! Makes a connection: finds the address, asks the guard, dials, shakes hands, and starts the HTTP version agreed upon.

use super::classify::{self, Failure};
use super::destination::{Destination, Host, Secure};
use super::dial::{Dial, first_line};
use super::guard::Guard;
use super::line::{Line, Stream};
use super::pool::Connection;
use super::shared::Shared;
use super::single::Single;
use super::stopwatch::{Phase, Stopwatch};
use super::tasks::Starter;
use super::tls::ALPN_HTTP2;
use contract::delivery::ErrorClass;
use contract::target::Lasting;
use contract::{Clock, Tick};
use std::net::{IpAddr, SocketAddr};

/// Addresses of one name that are tried: more would leave too little time for each.
const ADDRESSES_MAX: usize = 4;

/// What it takes to connect.
pub(super) struct Connector<'a> {
    pub(super) to: &'a Destination,
    pub(super) guard: &'a Guard,
    pub(super) dial: &'a dyn Dial,
    pub(super) clock: &'a dyn Clock,
    pub(super) tasks: &'a Starter,
}

impl Connector<'_> {
    /// A new connection. The caller gives up at the deadline; addresses that do not answer get a share of the time.
    pub(super) async fn connect(&self, deadline: Tick, watch: &mut Stopwatch) -> Result<Connection, Failure> {
        let addresses = self.addresses(watch).await?;
        watch.enter(Phase::Connect, self.clock.tick());
        let line = first_line(self.dial, self.clock, &addresses, deadline)
            .await
            .map_err(|error| classify::unconnected(&error))?;
        match &self.to.secure {
            None => Ok(Connection::Single(single(Stream::Plain(line)).await?)),
            Some(secure) => {
                watch.enter(Phase::Tls, self.clock.tick());
                self.shake_hands(secure, line).await
            }
        }
    }

    async fn addresses(&self, watch: &mut Stopwatch) -> Result<Vec<SocketAddr>, Failure> {
        let found = match &self.to.host {
            Host::Address(address) => [*address].into(),
            Host::Name(name) => {
                watch.enter(Phase::Name, self.clock.tick());
                self.dial.resolve(name).await.map_err(|fault| classify::unresolved(&fault))?
            }
        };
        let permitted = |address: &&IpAddr| self.guard.permits(**address);
        let to_socket = |address: &IpAddr| SocketAddr::from((*address, self.to.port));
        let addresses: Vec<_> = found.iter().filter(permitted).take(ADDRESSES_MAX).map(to_socket).collect();
        if addresses.is_empty() {
            return Err(self.denied(&found));
        }
        Ok(addresses)
    }

    fn denied(&self, addresses: &[IpAddr]) -> Failure {
        let listed: Vec<_> = addresses.iter().take(ADDRESSES_MAX).map(ToString::to_string).collect();
        let cause = format!("the guard forbids the address {}", listed.join(", "));
        // A name may point elsewhere tomorrow; until then a person should see it as a dead letter.
        Failure { lasting: Lasting::Lasting, ..Failure::unsent(ErrorClass::LocalGuard, cause) }
    }

    async fn shake_hands(&self, secure: &Secure, line: Line) -> Result<Connection, Failure> {
        let stream = secure.connector.connect(secure.name.clone(), line).await;
        let stream = Box::new(stream.map_err(|error| classify::unsecured(&error))?);
        if stream.get_ref().1.alpn_protocol() == Some(ALPN_HTTP2) {
            let shared =
                Shared::start(Stream::Tls(stream), self.tasks).await.map_err(|error| unstarted(&error))?;
            return Ok(Connection::Shared(shared));
        }
        Ok(Connection::Single(single(Stream::Tls(stream)).await?))
    }
}

async fn single(stream: Stream) -> Result<Box<Single>, Failure> {
    Single::start(stream).await.map(Box::new).map_err(|error| unstarted(&error))
}

fn unstarted(error: &hyper::Error) -> Failure {
    let (class, cause) = classify::broken(error);
    Failure::unsent(class, cause)
}
