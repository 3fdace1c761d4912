//! A host as a URL names it.

use std::net::IpAddr;

/// A name, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// From the host of a URL; an IPv6 address may have brackets.
    pub(super) fn new(text: &str) -> Self {
        let bare = text.trim_start_matches('[').trim_end_matches(']');
        bare.parse().map_or_else(|_| Self::Name(bare.to_owned()), Self::Address)
    }

    /// Whether it is this machine.
    pub(super) fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                name == "localhost" || name.ends_with(".localhost")
            }
            Self::Address(address) => address.to_canonical().is_loopback(),
        }
    }
}
