//! The IP address of a client, directly or behind trusted proxies.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The nearest address that is not a trusted proxy.
pub(crate) fn client_address(extensions: &Extensions, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.ip().to_canonical();
    if !is_trusted(&peer) {
        return Some(peer);
    }
    // The last hop is the nearest. Hops before the first untrusted or invalid one may be forged.
    let values = headers.get_all("x-forwarded-for").iter().rev();
    let hops = values.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
    let mut client = peer;
    for hop in hops {
        let Some(address) = hop_address(hop) else {
            break;
        };
        client = address;
        if !is_trusted(&client) {
            break;
        }
    }
    Some(client)
}

/// Some proxies add the port to an entry of `X-Forwarded-For`, and brackets to an IPv6 address.
fn hop_address(hop: &[u8]) -> Option<IpAddr> {
    let hop = std::str::from_utf8(hop).ok()?.trim();
    let in_brackets = || hop.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let with_port = || hop.parse::<SocketAddr>().ok();
    let address = hop.parse::<IpAddr>().ok();
    let address = address.or_else(|| in_brackets().map(IpAddr::from));
    let address = address.or_else(|| with_port().map(|address| address.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn address(peer: &str, forwarded: &[&[u8]]) -> String {
        let mut request = Request::builder();
        for value in forwarded {
            request = request.header("x-forwarded-for", *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts
            .extensions
            .insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let trusted = ["10.0.0.0/8".parse().unwrap(), "127.0.0.1/32".parse().unwrap()];
        client_address(&parts.extensions, &parts.headers, &trusted)
            .unwrap()
            .to_string()
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_proxy() {
        assert_eq!(address("203.0.113.9", &[b"1.2.3.4"]), "203.0.113.9");
        assert_eq!(address("127.0.0.1", &[b"1.2.3.4"]), "1.2.3.4");
        assert_eq!(address("::ffff:127.0.0.1", &[b"1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn what_a_client_writes_before_the_first_untrusted_hop_does_not_count() {
        assert_eq!(address("127.0.0.1", &[b"9.9.9.9, 1.2.3.4, 10.1.1.1"]), "1.2.3.4");
        assert_eq!(address("127.0.0.1", &[b"9.9.9.9", b"1.2.3.4"]), "1.2.3.4");
        assert_eq!(address("127.0.0.1", &[b"9.9.9.9", b"\xff, 1.2.3.4"]), "1.2.3.4");
    }

    #[test]
    fn an_entry_may_have_a_port_brackets_and_spaces() {
        for (entry, expected) in [
            ("203.0.113.7:5000", "203.0.113.7"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            (" \t203.0.113.7:5000 ", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
            ("9.9.9.9, 203.0.113.7:5000 , 10.1.1.1:80", "203.0.113.7"),
        ] {
            assert_eq!(address("127.0.0.1", &[entry.as_bytes()]), expected, "{entry}");
        }
    }

    #[test]
    fn an_entry_that_cannot_be_read_ends_the_walk_at_the_nearest_trusted_hop() {
        for entry in [
            "nonsense",
            "unknown",
            "",
            "203.0.113.7:99999",
            "203.0.113.7:",
            "[203.0.113.7]",
            "[2001:db8::1",
            "2001:db8::1]",
            "fe80::1%eth0",
            "203.0.113.7 10.1.1.1",
            "\"203.0.113.7\"",
        ] {
            let hops = format!("9.9.9.9, {entry}");
            assert_eq!(address("127.0.0.1", &[hops.as_bytes()]), "127.0.0.1", "{entry}");
            let hops = format!("9.9.9.9, {entry}, 10.1.1.1");
            assert_eq!(address("127.0.0.1", &[hops.as_bytes()]), "10.1.1.1", "{entry}");
        }
        assert_eq!(address("127.0.0.1", &[b"9.9.9.9", b"\xff"]), "127.0.0.1");
    }
}
