//! Where a request comes from, and under which address its sender sees the dashboard. What a proxy says of that counts only if
//! the proxy is trusted.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, OriginalUri};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use axum::http::request::Parts;

use crate::error::{Error, Result};

/// Addresses whose forwarded headers count: `10.0.0.0/8`, `127.0.0.1`, `::1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::dashboard) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an address, with or without the number of bits that count.
    pub(in crate::dashboard) fn parse(text: &str) -> Result<Self> {
        let wrong = || Error::Invalid(format!("{text:?} is no address or network such as 10.0.0.0/8 or ::1"));
        let (address, bits) =
            text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.parse().map_err(|_| wrong()))?;
        if most < bits { Err(wrong()) } else { Ok(Self { address, bits }) }
    }

    fn contains(self, other: IpAddr) -> bool {
        let shared = |one: u128, other: u128, width: u32| {
            u32::from(self.bits) == 0 || (one ^ other) >> (width - u32::from(self.bits)) == 0
        };
        match (self.address, other.to_canonical()) {
            (IpAddr::V4(one), IpAddr::V4(other)) => {
                shared(u128::from(one.to_bits()), u128::from(other.to_bits()), 32)
            }
            (IpAddr::V6(one), IpAddr::V6(other)) => shared(one.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

/// Where a request comes from, and how its sender sees the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::dashboard) struct Origin {
    /// The sender, as far as it is known.
    pub(in crate::dashboard) ip: Option<IpAddr>,
    /// The host and port that the sender asked.
    pub(in crate::dashboard) host: Option<String>,
    /// Whether the sender speaks TLS.
    pub(in crate::dashboard) is_tls: bool,
    /// What stands before the dashboard's own paths: empty, or `/admin/jobs`.
    pub(in crate::dashboard) prefix: String,
    /// Whether somebody stands between who is not trusted, or who is.
    pub(in crate::dashboard) is_forwarded: bool,
}

const FORWARDED: [&str; 5] =
    ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-prefix"];

impl Origin {
    /// Reads it off a request.
    pub(in crate::dashboard) fn of(request: &Parts, trusted: &[Network], prefix: Option<&str>) -> Self {
        let peer = request.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
        let headers = &request.headers;
        let is_forwarded = FORWARDED.iter().any(|name| headers.contains_key(*name));
        let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
        let says = |name| peer.filter(|ip| is_trusted(*ip)).and_then(|_| last(headers, name));
        let host = says("x-forwarded-host")
            .or_else(|| last(headers, HOST.as_str()))
            .or_else(|| request.uri.host().map(ToOwned::to_owned));
        let before = says("x-forwarded-prefix").filter(|prefix| is_plain_path(prefix)).unwrap_or_default();
        let own = prefix.map_or_else(|| mounted_at(request), ToOwned::to_owned);
        Self {
            ip: sender(headers, peer, is_trusted),
            host,
            is_tls: says("x-forwarded-proto").is_some_and(|scheme| scheme == "https"),
            prefix: before.trim_end_matches('/').to_owned() + &own,
            is_forwarded,
        }
    }
}

/// The first address from the right of which no trusted proxy speaks; what stands left of it anybody can have written.
///
/// So can what stands left of an entry that cannot be read: then the last proxy that is known is all that is known.
fn sender(headers: &HeaderMap, peer: Option<IpAddr>, is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let mut known = peer?;
    let all = headers.get_all("x-forwarded-for").iter().rev();
    let mut hops = all.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
    while is_trusted(known)
        && let Some(hop) = hops.next().and_then(|hop| address(hop.trim()))
    {
        known = hop;
    }
    Some(known)
}

/// Reads an address as proxies write it: `1.2.3.4`, `::1` or `[::1]`, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    text.parse().ok().or_else(bracketed).or_else(with_port)
}

fn last(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    value.rsplit(',').next().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Tells what an outer router has taken off the path.
fn mounted_at(request: &Parts) -> String {
    let Some(OriginalUri(original)) = request.extensions.get::<OriginalUri>() else { return String::new() };
    let (original, own) = (original.path(), request.uri.path());
    let prefix = original.strip_suffix(own).unwrap_or_else(|| if own == "/" { original } else { "" });
    prefix.trim_end_matches('/').to_owned()
}

/// A path that cannot lead to another host or out of an attribute.
pub(in crate::dashboard) fn is_plain_path(path: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/-._~".contains(c);
    path.starts_with('/') && !path.starts_with("//") && path.chars().all(is_plain)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn parts(peer: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri("/jobs");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut parts = request.body(()).unwrap().into_parts().0;
        parts.extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        parts
    }

    #[test]
    fn forwarded_headers_count_only_from_trusted_proxies() {
        let headers = [
            ("host", "inside:8080"),
            ("x-forwarded-for", "6.6.6.6, 9.9.9.9, 10.0.0.2"),
            ("x-forwarded-host", "jobs.example.com"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-prefix", "/ops/"),
        ];
        let trusted = [Network::parse("10.0.0.0/8").unwrap()];
        let origin = Origin::of(&parts("10.0.0.1", &headers), &trusted, None);
        assert_eq!(origin.ip.unwrap().to_string(), "9.9.9.9", "what is left of it anybody can write");
        assert_eq!((origin.host.as_deref(), origin.is_tls), (Some("jobs.example.com"), true));
        assert_eq!(origin.prefix, "/ops");

        let spoofed = Origin::of(&parts("9.9.9.9", &headers), &trusted, None);
        assert_eq!(spoofed.ip.unwrap().to_string(), "9.9.9.9");
        assert_eq!((spoofed.host.as_deref(), spoofed.is_tls), (Some("inside:8080"), false));
        assert_eq!((spoofed.prefix.as_str(), spoofed.is_forwarded), ("", true));
        let wild = [("x-forwarded-prefix", "//evil.example"), ("x-forwarded-prefix", "/a\"b")];
        for header in wild {
            assert_eq!(Origin::of(&parts("10.0.0.1", &[header]), &trusted, None).prefix, "");
        }
    }

    #[test]
    fn nothing_is_believed_left_of_what_cannot_be_read() {
        let trusted = [Network::parse("10.0.0.0/8").unwrap(), Network::parse("fd00::/8").unwrap()];
        for (listed, ip) in [
            ("6.6.6.6, 9.9.9.9:4711", "9.9.9.9"),
            ("6.6.6.6, [2001:db8::9]:4711, 10.0.0.2:80", "2001:db8::9"),
            ("6.6.6.6, [2001:db8::9]", "2001:db8::9"),
            ("6.6.6.6, unknown, 10.0.0.2", "10.0.0.2"),
            ("6.6.6.6, unknown", "10.0.0.1"),
            ("6.6.6.6,, [fd00::2]:80", "fd00::2"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("", "10.0.0.1"),
        ] {
            let origin = Origin::of(&parts("10.0.0.1", &[("x-forwarded-for", listed)]), &trusted, None);
            assert_eq!(origin.ip.unwrap().to_string(), ip, "{listed}");
        }
        let two = [("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "9.9.9.9, 10.0.0.2")];
        assert_eq!(Origin::of(&parts("10.0.0.1", &two), &trusted, None).ip.unwrap().to_string(), "9.9.9.9");
    }

    #[test]
    fn networks_are_read_and_hold_what_they_hold() {
        let holds = |network: &str, ip: &str| Network::parse(network).unwrap().contains(ip.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("127.0.0.1", "127.0.0.1") && !holds("127.0.0.1", "127.0.0.2"));
        assert!(
            holds("127.0.0.1", "::ffff:127.0.0.1") && holds("::/0", "::1") && holds("0.0.0.0/0", "1.2.3.4")
        );
        assert!(holds("fd00::/8", "fd12::1") && !holds("fd00::/8", "10.0.0.1"));
        for wrong in ["", "10.0.0.0/33", "x", "10.0.0.0/x", "::/129"] {
            assert!(Network::parse(wrong).is_err(), "{wrong}");
        }
    }
}
