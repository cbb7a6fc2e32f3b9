//! Which addresses a task may reach.
//!
//! Whoever writes a definition chooses where an HTTP Task goes, but calls are made from inside the operator's network. So
//! only addresses of the public internet are reached, unless the operator allowed others. The question is asked of the
//! address that is about to be connected to, after names were resolved, so neither a spelling of an address nor a name that
//! changes what it stands for gets round it.

use std::net::IpAddr;

/// Addresses by their leading bits. IPv4 addresses are taken as the IPv6 addresses they map to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Network {
    base: u128,
    prefix: u32,
}

/// Where IPv4 addresses are mapped to: `::ffff:0:0/96`.
const MAPPED: u128 = 0xffff_0000_0000;
const MAPPED_PREFIX: u32 = 96;
/// The well-known prefix of NAT64, `64:ff9b::/96`: what follows is an IPv4 address.
const NAT64: Network = Network { base: 0x0064_ff9b << 96, prefix: 96 };

impl Network {
    const fn v4(base: [u8; 4], prefix: u32) -> Self {
        Self { base: MAPPED | u32::from_be_bytes(base) as u128, prefix: MAPPED_PREFIX + prefix }
    }

    const fn v6(first: u128, prefix: u32) -> Self {
        Self { base: first << 112, prefix }
    }

    const fn contains(self, address: u128) -> bool {
        // A shift by all bits isn't defined; a prefix of 0 contains everything.
        self.prefix == 0 || (self.base ^ address) >> (128 - self.prefix) == 0
    }

    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, p)| (address, Some(p)));
        let address: IpAddr = address.parse().ok()?;
        let (offset, longest) = if address.is_ipv4() { (MAPPED_PREFIX, 32) } else { (0, 128) };
        let prefix = prefix.map_or(Some(longest), |text| text.parse().ok())?;
        (prefix <= longest).then(|| Self { base: bits(address), prefix: offset + prefix })
    }
}

/// An address as 128 bits, the same for IPv4 and what it maps to.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// What isn't the public internet (IANA's registries of special-purpose addresses), with what it is. Those of the first
/// table are never reached by a name that is allowed, only if the address itself is: nothing but a machine's own services
/// (metadata, with its credentials) answers there.
const LOCAL: &[(Network, &str)] = &[
    (Network::v4([169, 254, 0, 0], 16), "link-local"),
    (Network::v6(0xfe80, 10), "link-local"),
    (Network { base: 0xfd00_0ec2 << 96, prefix: 32 }, "of the machine's metadata service"),
];
const SPECIAL: &[(Network, &str)] = &[
    (Network::v4([0, 0, 0, 0], 8), "unspecified"),
    (Network::v4([10, 0, 0, 0], 8), "private"),
    (Network::v4([100, 64, 0, 0], 10), "of a carrier's network"),
    (Network::v4([127, 0, 0, 0], 8), "loopback"),
    (Network::v4([172, 16, 0, 0], 12), "private"),
    (Network::v4([192, 0, 0, 0], 24), "reserved"),
    (Network::v4([192, 0, 2, 0], 24), "for documentation"),
    (Network::v4([192, 88, 99, 0], 24), "reserved"),
    (Network::v4([192, 168, 0, 0], 16), "private"),
    (Network::v4([198, 18, 0, 0], 15), "for benchmarks"),
    (Network::v4([198, 51, 100, 0], 24), "for documentation"),
    (Network::v4([203, 0, 113, 0], 24), "for documentation"),
    (Network::v4([224, 0, 0, 0], 4), "multicast"),
    (Network::v4([240, 0, 0, 0], 4), "reserved"),
    (Network { base: 1, prefix: 128 }, "loopback"),
    (Network { base: 0, prefix: 128 }, "unspecified"),
    (Network::v6(0xfc00, 7), "private"),
    (Network::v6(0xff00, 8), "multicast"),
    // Teredo and its neighbours; addresses that carry an IPv4 address which nothing vets.
    (Network::v6(0x2001, 23), "reserved"),
    (Network { base: 0x2001_0db8 << 96, prefix: 32 }, "for documentation"),
    (Network::v6(0x2002, 16), "of a tunnel to IPv4"),
    (Network::v6(0x3fff, 20), "for documentation"),
];
/// All that is given out of IPv6.
const UNICAST: Network = Network::v6(0x2000, 3);

/// What an address is if it isn't the public internet's.
fn special(address: u128) -> Option<&'static str> {
    let known = LOCAL.iter().chain(SPECIAL).find(|(network, _)| network.contains(address));
    let public =
        Network { base: MAPPED, prefix: MAPPED_PREFIX }.contains(address) || UNICAST.contains(address);
    known.map(|(_, what)| *what).or((!public).then_some("reserved"))
}

/// The names of hosts: one, or all under a domain (`*.example.com`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPattern(String);

impl HostPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it isn't of either form.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.:[]".contains(c);
        if name.is_empty() || !name.chars().all(fits) {
            return Err(format!("{text:?} is neither a network nor a host name nor *.DOMAIN"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// Whether it stands for a host, as URLs have it (lower case).
    pub(crate) fn fits(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        match self.0.strip_prefix('*') {
            Some(domain) => host.len() > domain.len() && host.ends_with(domain),
            None => self.0 == host,
        }
    }
}

/// An address that may not be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} is at {address}, which is {what}: an address that tasks may not reach unless worker.http.allow has it"
)]
pub(crate) struct Refused {
    host: String,
    address: IpAddr,
    what: &'static str,
}

/// Decides which addresses may be reached.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guard {
    networks: Vec<Network>,
    hosts: Vec<HostPattern>,
}

impl Guard {
    /// A guard that lets pass what isn't the public internet's only if it is listed: networks, addresses, host names.
    ///
    /// # Errors
    /// When an entry is none of these.
    pub(crate) fn new(allow: &[String]) -> Result<Self, String> {
        let mut guard = Self::default();
        for entry in allow {
            match Network::parse(entry) {
                Some(network) => guard.networks.push(network),
                None if entry.contains('/') => {
                    return Err(format!("worker.http.allow: {entry:?} is no network"));
                }
                None => {
                    let host =
                        HostPattern::parse(entry).map_err(|text| format!("worker.http.allow: {text}"))?;
                    guard.hosts.push(host);
                }
            }
        }
        Ok(guard)
    }

    /// Whether the operator listed this host by name.
    pub(crate) fn lists(&self, host: &str) -> bool {
        self.hosts.iter().any(|pattern| pattern.fits(host))
            || Network::parse(host.trim_matches(['[', ']']))
                .is_some_and(|one| self.networks.iter().any(|network| network.contains(one.base)))
    }

    /// Whether `address`, which `host` stands for at this moment, may be connected to.
    ///
    /// # Errors
    /// When it may not.
    pub(crate) fn check(&self, host: &str, address: IpAddr) -> Result<(), Refused> {
        let canonical = bits(address);
        // What a NAT64 gateway would make of the address is vetted, and so is the address itself if it was allowed.
        let reached = if NAT64.contains(canonical) { MAPPED | (canonical & 0xffff_ffff) } else { canonical };
        let allowed = |address| self.networks.iter().any(|network| network.contains(address));
        let Some(what) = special(reached).filter(|_| !allowed(canonical) && !allowed(reached)) else {
            return Ok(());
        };
        let local = LOCAL.iter().any(|(network, _)| network.contains(reached));
        if !local && self.hosts.iter().any(|pattern| pattern.fits(host)) {
            return Ok(());
        }
        Err(Refused { host: host.to_owned(), address: address.to_canonical(), what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(allow: &[&str]) -> Guard {
        Guard::new(&allow.iter().map(|&entry| entry.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[track_caller]
    fn check(guard: &Guard, host: &str, address: &str, expect: Option<&str>) {
        let found = guard.check(host, address.parse().unwrap());
        assert_eq!(found.err().map(|refused| refused.what), expect, "{address}");
    }

    #[test]
    fn only_public_addresses_are_reached() {
        let guard = guard(&[]);
        for (address, expect) in [
            ("8.8.8.8", None),
            ("172.32.0.1", None),
            ("2606:4700::1111", None),
            ("64:ff9b::808:808", None),
            ("127.0.0.1", Some("loopback")),
            ("127.255.0.9", Some("loopback")),
            ("0.0.0.0", Some("unspecified")),
            ("10.255.0.1", Some("private")),
            ("172.16.0.1", Some("private")),
            ("172.31.255.255", Some("private")),
            ("192.168.1.1", Some("private")),
            ("100.64.0.1", Some("of a carrier's network")),
            ("169.254.169.254", Some("link-local")),
            ("224.0.0.1", Some("multicast")),
            ("255.255.255.255", Some("reserved")),
            ("::", Some("unspecified")),
            ("::1", Some("loopback")),
            ("::ffff:127.0.0.1", Some("loopback")),
            ("::ffff:169.254.169.254", Some("link-local")),
            ("::7f00:1", Some("reserved")),
            ("64:ff9b::a9fe:a9fe", Some("link-local")),
            ("64:ff9b::a00:1", Some("private")),
            ("64:ff9b:1::1", Some("reserved")),
            ("2002:7f00:1::", Some("of a tunnel to IPv4")),
            ("2001::1", Some("reserved")),
            ("fd00:ec2::254", Some("of the machine's metadata service")),
            ("fc00::1", Some("private")),
            ("fe80::1", Some("link-local")),
            ("fec0::1", Some("reserved")),
            ("ff02::1", Some("multicast")),
            ("100::1", Some("reserved")),
        ] {
            check(&guard, "host", address, expect);
        }
    }

    #[test]
    fn what_is_listed_is_reached() {
        let guard = guard(&["10.1.0.0/16", "127.0.0.1", "fd12::/16", "api.internal", "*.svc.cluster.local"]);
        check(&guard, "x", "10.1.200.3", None);
        check(&guard, "x", "::ffff:10.1.0.1", None);
        check(&guard, "x", "10.2.0.1", Some("private"));
        check(&guard, "x", "127.0.0.1", None);
        check(&guard, "x", "127.0.0.2", Some("loopback"));
        check(&guard, "x", "fd12::5", None);
        check(&guard, "api.internal", "192.168.0.1", None);
        check(&guard, "api.internal.", "192.168.0.1", None);
        check(&guard, "a.b.svc.cluster.local", "10.96.0.1", None);
        check(&guard, "svc.cluster.local", "10.96.0.1", Some("private"));
        check(&guard, "evilsvc.cluster.local", "10.96.0.1", Some("private"));
    }

    #[test]
    fn a_name_never_opens_the_way_to_metadata() {
        let by_name = guard(&["api.internal"]);
        check(&by_name, "api.internal", "169.254.169.254", Some("link-local"));
        check(&by_name, "api.internal", "fd00:ec2::254", Some("of the machine's metadata service"));
        check(&guard(&["169.254.0.0/16"]), "api.internal", "169.254.169.254", None);
    }

    #[test]
    fn what_is_no_entry_is_refused() {
        for entry in ["10.0.0.0/33", "fd00::/129", "10.0.0/8", "", "*.", "a b", "https://x"] {
            assert!(Guard::new(&[entry.to_owned()]).is_err(), "{entry}");
        }
        let all = guard(&["0.0.0.0/0", "::/0"]);
        check(&all, "x", "127.0.0.1", None);
        check(&all, "x", "::1", None);
    }

    #[test]
    fn hosts_are_listed_by_name_or_address() {
        let guard = guard(&["127.0.0.0/8", "gateway.test", "::1"]);
        assert!(guard.lists("127.0.0.1") && guard.lists("gateway.test") && guard.lists("[::1]"));
        assert!(!guard.lists("10.0.0.1") && !guard.lists("other.test"));
    }
}
