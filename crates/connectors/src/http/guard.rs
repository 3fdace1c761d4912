//! Decides which addresses and ports may be dialled, so that a target that a stranger registered cannot reach into a private network, nor
//! speak HTTP to what is no HTTP server.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Which addresses may be dialled. It judges the address itself, after name resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Guard {
    /// All: the target stands in the operator's own configuration.
    #[default]
    AllowAll,
    /// Only what is reachable by everybody, and the networks listed.
    GlobalOnly {
        /// Networks that are allowed although they are not global.
        allow: Vec<Cidr>,
    },
}

impl Guard {
    /// Whether this address may be dialled.
    #[must_use]
    pub fn permits(&self, address: IpAddr) -> bool {
        match self {
            Self::AllowAll => true,
            Self::GlobalOnly { allow } => {
                let plain = address.to_canonical();
                is_global(plain) || allow.iter().any(|network| network.contains(plain))
            }
        }
    }
}

/// Which ports may be dialled. A port stands in a URL, so it is judged once, when the target is made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Ports {
    /// All: the target stands in the operator's own configuration.
    #[default]
    Any,
    /// All but those of well-known servers of other protocols, which may take a body for commands.
    Harmless,
    /// These.
    Only(Vec<RangeInclusive<u16>>),
}

/// The ports that browsers do not speak HTTP to: "bad port" in the Fetch standard, section 2.9.
const FOREIGN: [RangeInclusive<u16>; 60] = {
    const fn one(port: u16) -> RangeInclusive<u16> {
        port..=port
    }
    [
        0..=1,
        one(7),
        one(9),
        one(11),
        one(13),
        one(15),
        one(17),
        19..=23,
        one(25),
        one(37),
        42..=43,
        one(53),
        one(69),
        one(77),
        one(79),
        one(87),
        one(95),
        101..=104,
        109..=111,
        one(113),
        one(115),
        one(117),
        one(119),
        one(123),
        one(135),
        one(137),
        one(139),
        one(143),
        one(161),
        one(179),
        one(389),
        one(427),
        one(465),
        512..=515,
        one(526),
        530..=532,
        one(540),
        one(548),
        one(554),
        one(556),
        one(563),
        one(587),
        one(601),
        one(636),
        989..=990,
        one(993),
        one(995),
        1719..=1720,
        one(1723),
        one(2049),
        one(3659),
        one(4045),
        one(4190),
        5060..=5061,
        one(6000),
        one(6566),
        6665..=6669,
        one(6679),
        one(6697),
        one(10_080),
    ]
};

impl Ports {
    /// Whether this port may be dialled.
    #[must_use]
    pub fn permit(&self, port: u16) -> bool {
        match self {
            Self::Any => true,
            Self::Harmless => !FOREIGN.iter().any(|ports| ports.contains(&port)),
            Self::Only(ports) => ports.iter().any(|ports| ports.contains(&port)),
        }
    }
}

/// A network: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// A text that is no [`Cidr`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no network: write an address and a prefix length, as in 10.0.0.0/8 or fd00::/8")]
pub struct NotACidr {
    text: String,
}

impl Cidr {
    /// Whether the address lies in the network. An IPv4-mapped address counts as the IPv4 address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => in_v4(address, network, self.prefix),
            (IpAddr::V6(network), IpAddr::V6(address)) => in_v6(address, network, self.prefix),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

impl FromStr for Cidr {
    type Err = NotACidr;
    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let not = || NotACidr { text: text.chars().take(80).collect() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let network: IpAddr = address.parse().map_err(|_| not())?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(longest), str::parse).map_err(|_| not())?;
        if prefix <= longest { Ok(Self { network, prefix }) } else { Err(not()) }
    }
}

fn in_v4(address: Ipv4Addr, network: Ipv4Addr, prefix: u8) -> bool {
    let shift = 32_u32.saturating_sub(u32::from(prefix));
    (address.to_bits() ^ network.to_bits()).checked_shr(shift).is_none_or(|rest| rest == 0)
}

fn in_v6(address: Ipv6Addr, network: Ipv6Addr, prefix: u8) -> bool {
    let shift = 128_u32.saturating_sub(u32::from(prefix));
    (address.to_bits() ^ network.to_bits()).checked_shr(shift).is_none_or(|rest| rest == 0)
}

/// IANA's special-purpose registry for IPv4: whatever is not globally reachable, and multicast.
const CLOSED_V4: [(Ipv4Addr, u8); 15] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 0, 0, 0), 24),
    (Ipv4Addr::new(192, 0, 2, 0), 24),
    (Ipv4Addr::new(192, 88, 99, 0), 24),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(198, 18, 0, 0), 15),
    (Ipv4Addr::new(198, 51, 100, 0), 24),
    (Ipv4Addr::new(203, 0, 113, 0), 24),
    (Ipv4Addr::new(224, 0, 0, 0), 4),
    (Ipv4Addr::new(240, 0, 0, 0), 4),
];

/// The part of IPv6 that is given out as global unicast; everything outside is closed, but for translations of IPv4.
const UNICAST_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
const TEREDO: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32);
const SIX_TO_FOUR: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);
const NAT64: (Ipv6Addr, u8) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);
/// Closed ranges inside the global unicast space: protocol assignments and documentation.
const CLOSED_V6: [(Ipv6Addr, u8); 3] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20),
];

fn is_global(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_global_v4(address),
        IpAddr::V6(address) => is_global_v6(address),
    }
}

fn is_global_v4(address: Ipv4Addr) -> bool {
    !CLOSED_V4.iter().any(|(network, prefix)| in_v4(address, *network, *prefix))
}

fn is_global_v6(address: Ipv6Addr) -> bool {
    let within = |(network, prefix): (Ipv6Addr, u8)| in_v6(address, network, prefix);
    if within(NAT64) {
        return is_global_v4(embedded(address, 0));
    }
    if within(SIX_TO_FOUR) {
        return is_global_v4(embedded(address, 80));
    }
    if within(TEREDO) {
        let client = Ipv4Addr::from_bits(!embedded(address, 0).to_bits());
        return is_global_v4(embedded(address, 64)) && is_global_v4(client);
    }
    within(UNICAST_V6) && !CLOSED_V6.into_iter().any(within)
}

/// The IPv4 address in the 32 bits above the lowest `shift` bits.
fn embedded(address: Ipv6Addr, shift: u32) -> Ipv4Addr {
    #[expect(clippy::cast_possible_truncation, reason = "exactly these 32 bits are wanted")]
    Ipv4Addr::from_bits((address.to_bits() >> shift) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: [&str; 43] = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::7f00:1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:0808:0808::f5ff:fffe",
        "2001:db8::1",
        "2002:7f00:1::1",
        "2002:a00:1::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "ff02::1",
    ];

    const OPEN: [&str; 13] = [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "223.255.255.255",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "2001:0:0808:0808::f7f7:f7f7",
        "2606:4700:4700::1111",
    ];

    #[test]
    fn only_addresses_that_everybody_can_reach_are_permitted() {
        let guard = Guard::GlobalOnly { allow: Vec::new() };
        for text in CLOSED {
            assert!(!guard.permits(text.parse().unwrap()), "{text} must be closed");
        }
        for text in OPEN {
            assert!(guard.permits(text.parse().unwrap()), "{text} must be open");
        }
    }

    #[test]
    fn the_operators_own_targets_may_be_anywhere() {
        for text in CLOSED.into_iter().chain(OPEN) {
            assert!(Guard::AllowAll.permits(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn an_allowed_network_opens_itself_and_nothing_else() {
        let allow = ["10.1.0.0/16", "fd00::/8", "127.0.0.1"].map(|text| text.parse().unwrap()).to_vec();
        let guard = Guard::GlobalOnly { allow };
        let cases = [
            ("10.1.255.255", true),
            ("10.2.0.0", false),
            ("::ffff:10.1.2.3", true),
            ("64:ff9b::10.1.2.3", false),
            ("fd99::1", true),
            ("fc00::1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
        ];
        for (text, expected) in cases {
            assert_eq!(guard.permits(text.parse().unwrap()), expected, "{text}");
        }
    }

    #[test]
    fn only_ports_of_http_are_harmless() {
        for port in [
            0, 1, 7, 20, 21, 22, 23, 25, 53, 110, 111, 143, 465, 514, 587, 993, 2049, 5060, 6000, 6667,
            10_080,
        ] {
            assert!(!Ports::Harmless.permit(port) && Ports::Any.permit(port), "{port}");
        }
        for port in [18, 24, 80, 443, 3000, 6664, 6670, 8000, 8080, 8443, 9200, u16::MAX] {
            assert!(Ports::Harmless.permit(port), "{port}");
        }
        let only = Ports::Only(vec![25..=25, 8000..=8100]);
        let permitted: Vec<_> =
            [24, 25, 80, 443, 7999, 8000, 8100, 8101].into_iter().filter(|port| only.permit(*port)).collect();
        assert_eq!(permitted, [25, 8000, 8100]);
    }

    #[test]
    fn a_prefix_of_zero_covers_its_family_only() {
        let all: Cidr = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("127.0.0.1".parse().unwrap()));
        assert!(!all.contains("fe80::1".parse().unwrap()));
        assert!("::/0".parse::<Cidr>().unwrap().contains("fe80::1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1", "name/8"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
