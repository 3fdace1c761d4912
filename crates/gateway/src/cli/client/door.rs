//! Where a running Fanlight is: the options that say it, and the URL they take.

use super::Client;
use clap::Args;
use http::Uri;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// One of the two listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Door {
    /// `listen`: routes and tickets.
    Front,
    /// `admin`: everything else.
    Admin,
}

/// The option of commands that go to the front door.
#[derive(Debug, Args)]
pub(in crate::cli) struct FrontDoor {
    /// Where `listen` is [default: http://127.0.0.1:8080]
    #[arg(long, value_name = "URL", env = "FANLIGHT_SERVER", hide_env_values = true)]
    server: Option<ServerUrl>,
}

/// The option of commands that go to the operators' door.
#[derive(Debug, Args)]
pub(in crate::cli) struct AdminDoor {
    /// Where `admin` is [default: http://127.0.0.1:8081]
    #[arg(long, value_name = "URL", env = "FANLIGHT_ADMIN", hide_env_values = true)]
    admin: Option<ServerUrl>,
}

/// `http://HOST[:PORT][/PREFIX]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct ServerUrl {
    host: String,
    port: u16,
    prefix: String,
}

/// A text that is no [`ServerUrl`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::cli) enum NotAServer {
    /// No URL at all.
    #[error("a URL such as http://127.0.0.1:8080 is needed")]
    Url,
    /// Another scheme.
    #[error("only http:// is spoken here: run the command on the server itself, or through a tunnel to it")]
    Scheme,
    /// More than an address.
    #[error("a user name, a query or a fragment has no place here")]
    Extra,
}

impl Door {
    /// The option that says where it is.
    pub(in crate::cli) fn option(self) -> &'static str {
        match self {
            Self::Front => "--server",
            Self::Admin => "--admin",
        }
    }

    /// The option with its value, after a space; empty where it is the default.
    pub(in crate::cli) fn option_for(self, server: &ServerUrl) -> String {
        if *server == self.standard() { String::new() } else { format!(" {} {server}", self.option()) }
    }

    fn standard(self) -> ServerUrl {
        let port = match self {
            Self::Front => 8080,
            Self::Admin => 8081,
        };
        SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()
    }
}

impl FrontDoor {
    pub(in crate::cli) fn client(self) -> Client {
        self.client_or(None)
    }

    /// `listen` is where a configuration says the front door is; the option goes before it.
    pub(in crate::cli) fn client_or(self, listen: Option<SocketAddr>) -> Client {
        let server = self.server.or(listen.map(ServerUrl::from));
        Client::new(server.unwrap_or_else(|| Door::Front.standard()), Door::Front)
    }
}

impl AdminDoor {
    pub(in crate::cli) fn client(self) -> Client {
        Client::new(self.admin.unwrap_or_else(|| Door::Admin.standard()), Door::Admin)
    }
}

impl ServerUrl {
    pub(in crate::cli) fn client(self, door: Door) -> Client {
        Client::new(self, door)
    }

    /// What is dialled.
    pub(super) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// For `host`.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// A path as this server has it.
    pub(super) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

impl From<SocketAddr> for ServerUrl {
    /// A server that listens everywhere is reached on loopback.
    fn from(address: SocketAddr) -> Self {
        let host = match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
        };
        Self { host: host.to_string(), port: address.port(), prefix: String::new() }
    }
}

impl FromStr for ServerUrl {
    type Err = NotAServer;

    fn from_str(text: &str) -> Result<Self, NotAServer> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        let url: Uri = whole.parse().map_err(|_| NotAServer::Url)?;
        if url.scheme_str() != Some("http") {
            return Err(NotAServer::Scheme);
        }
        let host = url.host().filter(|host| !host.is_empty()).ok_or(NotAServer::Url)?;
        if whole.contains(['@', '#']) || url.query().is_some() {
            return Err(NotAServer::Extra);
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let prefix = url.path().trim_end_matches('/').to_owned();
        Ok(Self { host, port: url.port_u16().unwrap_or(80), prefix })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_plain_http_url_with_or_without_its_scheme() {
        let cases = [
            ("http://127.0.0.1:8080", Ok("http://127.0.0.1:8080")),
            ("127.0.0.1:9000", Ok("http://127.0.0.1:9000")),
            ("http://[::1]:81/", Ok("http://[::1]:81")),
            ("http://gateway.internal/fan/", Ok("http://gateway.internal:80/fan")),
            ("https://gateway.example.com", Err(NotAServer::Scheme)),
            ("http://me@host", Err(NotAServer::Extra)),
            ("http://host/?a=b", Err(NotAServer::Extra)),
            ("http://host#part", Err(NotAServer::Extra)),
            ("http://", Err(NotAServer::Url)),
            ("not a url", Err(NotAServer::Url)),
        ];
        for (text, expected) in cases {
            let read = text.parse::<ServerUrl>().map(|server| server.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{text}");
        }
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_on_loopback() {
        let reached = |address: &str| ServerUrl::from(address.parse::<SocketAddr>().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:80"), "http://127.0.0.1:80");
        assert_eq!(reached("[::]:80"), "http://[::1]:80");
        assert_eq!(reached("10.0.0.1:80"), "http://10.0.0.1:80");
    }

    #[test]
    fn a_further_command_names_the_server_unless_it_is_the_default() {
        let option = |url: &str| Door::Admin.option_for(&url.parse().unwrap());
        assert_eq!(option("http://127.0.0.1:8081"), "");
        assert_eq!(option("http://127.0.0.1:9001"), " --admin http://127.0.0.1:9001");
    }
}
