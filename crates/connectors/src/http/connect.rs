//! Makes a connection: finds the address, asks the guard, dials, shakes hands, and starts the HTTP version agreed upon.

use super::alarm::until;
use super::classify::{self, Failure};
use super::destination::{Destination, Secure};
use super::dial::{Dial, first_line};
use super::guard::Guard;
use super::host::Host;
use super::line::{Line, Stream};
use super::pool::Connection;
use super::proxy::{self, Via};
use super::shared::Shared;
use super::single::Single;
use super::stopwatch::{Phase, Stopwatch};
use super::tasks::Starter;
use super::tls::ALPN_HTTP2;
use contract::delivery::ErrorClass;
use contract::target::Lasting;
use contract::{Clock, Tick};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

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
        let line = match &self.to.via {
            None => self.direct(deadline, watch).await?,
            Some(via) => self.through(via, deadline, watch).await?,
        };
        match &self.to.secure {
            None => Ok(Connection::Single(single(Stream::Plain(line)).await?)),
            Some(secure) => {
                watch.enter(Phase::Tls, self.clock.tick());
                self.shake_hands(secure, line).await
            }
        }
    }

    async fn direct(&self, deadline: Tick, watch: &mut Stopwatch) -> Result<Line, Failure> {
        let addresses = self.addresses(watch).await?;
        watch.enter(Phase::Connect, self.clock.tick());
        let line = first_line(self.dial, self.clock, &addresses, deadline).await;
        line.map_err(|error| classify::unconnected(&error))
    }

    /// A line to the proxy, or through it. A proxy stands in the operator's configuration: it is not guarded. It finds the
    /// address of a name itself, so only an address that the URL names can be judged here.
    async fn through(&self, via: &Via, deadline: Tick, watch: &mut Stopwatch) -> Result<Line, Failure> {
        match &self.to.host {
            Host::Address(address) if !self.guard.permits(*address) => return Err(self.denied(&[*address])),
            Host::Address(_) | Host::Name(_) => {}
        }
        let unreachable = |failure: Failure| proxy::own(format!("the proxy: {}", failure.cause));
        let found = self.found(&via.host, watch).await.map_err(unreachable)?;
        let addresses: Vec<_> =
            found.iter().take(ADDRESSES_MAX).map(|address| SocketAddr::from((*address, via.port))).collect();
        watch.enter(Phase::Connect, self.clock.tick());
        let line = until(self.clock, deadline, first_line(self.dial, self.clock, &addresses, deadline)).await;
        let line = line.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
        let mut line = line.map_err(|error| unreachable(classify::unconnected(&error)))?;
        if self.to.secure.is_some() {
            // From here on it is the way to the target that takes its time.
            watch.enter(Phase::Tls, self.clock.tick());
            proxy::tunnel(&mut line, via, &self.to.place).await?;
        }
        Ok(line)
    }

    async fn found(&self, host: &Host, watch: &mut Stopwatch) -> Result<Arc<[IpAddr]>, Failure> {
        match host {
            Host::Address(address) => Ok([*address].into()),
            Host::Name(name) => {
                watch.enter(Phase::Name, self.clock.tick());
                self.dial.resolve(name).await.map_err(|fault| classify::unresolved(&fault))
            }
        }
    }

    async fn addresses(&self, watch: &mut Stopwatch) -> Result<Vec<SocketAddr>, Failure> {
        let found = self.found(&self.to.host, watch).await?;
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
