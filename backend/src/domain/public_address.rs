//! Which addresses a stranger may have us fetch from: https URLs of public hosts, and of their addresses only those that
//! the whole internet can reach. Everything that leads back into our own network, or may, is refused. Pure: names are
//! resolved elsewhere, and each answer is judged here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::domain::text::{is_control, is_line_separator};

/// The longest URL, in bytes.
const URL_BYTES_MAX: usize = 2048;

/// Why nothing is fetched from a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotFetchable {
    /// It is no URL.
    #[error("not a URL")]
    NotAUrl,
    /// It leads, or may lead, elsewhere than to a public server.
    #[error("not the URL of a public server")]
    NotAllowed,
}

/// Ranges of IPv4 that are not the public internet (the IANA registry of special-purpose addresses): network and prefix.
const SPECIAL_V4: [([u8; 4], u32); 15] = [
    ([0, 0, 0, 0], 8),       // this network
    ([10, 0, 0, 0], 8),      // private
    ([100, 64, 0, 0], 10),   // behind a carrier's NAT
    ([127, 0, 0, 0], 8),     // loopback
    ([169, 254, 0, 0], 16),  // link-local, and with it the metadata service
    ([172, 16, 0, 0], 12),   // private
    ([192, 0, 0, 0], 24),    // protocol assignments
    ([192, 0, 2, 0], 24),    // documentation
    ([192, 88, 99, 0], 24),  // relays of 6to4
    ([192, 168, 0, 0], 16),  // private
    ([198, 18, 0, 0], 15),   // benchmarks
    ([198, 51, 100, 0], 24), // documentation
    ([203, 0, 113, 0], 24),  // documentation
    ([224, 0, 0, 0], 4),     // multicast
    ([240, 0, 0, 0], 4),     // reserved, and broadcast
];

/// Ranges inside of IPv6's global unicast, `2000::/3`, that are not the public internet.
const SPECIAL_V6: [([u16; 8], u32); 4] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23), // protocol assignments: Teredo, benchmarks, ORCHID
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32), // documentation
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16), // 6to4: any IPv4 address may be inside
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20), // documentation
];

/// Whether the whole internet can reach the address.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => embedded(v6).map_or_else(|| is_public_v6(v6), is_public_v4),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let within = |network: [u8; 4], prefix: u32| {
        (address.to_bits() ^ Ipv4Addr::from(network).to_bits()).leading_zeros() >= prefix
    };
    !SPECIAL_V4.iter().any(|(network, prefix)| within(*network, *prefix))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let within = |network: [u16; 8], prefix: u32| {
        (address.to_bits() ^ Ipv6Addr::from(network).to_bits()).leading_zeros() >= prefix
    };
    within([0x2000, 0, 0, 0, 0, 0, 0, 0], 3)
        && !SPECIAL_V6.iter().any(|(network, prefix)| within(*network, *prefix))
}

/// The IPv4 address that is meant by `::ffff:a.b.c.d`, or by `64:ff9b::a.b.c.d` where the network translates (RFC 6052).
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let translated = match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
        }
        _ => None,
    };
    address.to_ipv4_mapped().or(translated)
}

/// The URL in a text, trimmed, if it can be that of a public server: https on its own port, no credentials, no fragment,
/// and a name with a dot or a public address for a host. What a name leads to is not known yet.
pub fn fetchable(text: &str) -> Result<Url, NotFetchable> {
    let text = text.trim();
    is_plain(text)?;
    let url = Url::parse(text).map_err(|_parse| NotFetchable::NotAUrl)?;
    judged(url)
}

/// The same for where a server points to.
pub fn redirected(from: &Url, location: &str) -> Result<Url, NotFetchable> {
    is_plain(location)?;
    judged(from.join(location).map_err(|_parse| NotFetchable::NotAUrl)?)
}

/// Not too long, and without characters that the parser would drop (tabs and line ends) or hide behind a percent sign.
fn is_plain(text: &str) -> Result<(), NotFetchable> {
    let forbidden = |c| is_control(c) || is_line_separator(c);
    if text.len() > URL_BYTES_MAX || text.chars().any(forbidden) {
        return Err(NotFetchable::NotAUrl);
    }
    Ok(())
}

fn judged(url: Url) -> Result<Url, NotFetchable> {
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    let own_port = url.scheme() == "https" && url.port().is_none();
    let host = match url.host() {
        Some(Host::Domain(name)) => is_public_name(name),
        Some(Host::Ipv4(address)) => is_public(address.into()),
        Some(Host::Ipv6(address)) => is_public(address.into()),
        None => false,
    };
    if plain && own_port && host { Ok(url) } else { Err(NotFetchable::NotAllowed) }
}

/// Names without a dot, and those of these domains, mean something only inside of a network.
fn is_public_name(name: &str) -> bool {
    let inside = ["localhost", "local", "internal", "home.arpa", "lan", "intranet", "corp"];
    let ends = |domain: &&str| {
        name.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    name.contains('.') && !name.ends_with('.') && !inside.iter().any(ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PUBLIC: &[&str] = &[
        "1.1.1.1",
        "8.8.8.8",
        "93.184.215.14",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2606:4700::1111",
        "2a00:1450::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "::ffff:1.1.1.1",
        "64:ff9b::8.8.8.8",
    ];

    const NOT_PUBLIC: &[&str] = &[
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.0",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.5",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::1.1.1.1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1.1.1.1",
        "fc00::1",
        "fd00:ec2::254",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::",
        "2002:101:101::",
        "3fff::1",
        "5f00::1",
        "4000::1",
    ];

    #[test]
    fn addresses_are_judged_by_the_registries() {
        for (list, public) in [(PUBLIC, true), (NOT_PUBLIC, false)] {
            for text in list {
                assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
            }
        }
    }

    #[test]
    fn urls_are_https_of_public_hosts_and_nothing_else() {
        for text in [
            "https://example.com/a.pdf?x=1",
            "https://EXAMPLE.com",
            "https://example.com:443/",
            "https://1.1.1.1/a.pdf",
            "https://[2606:4700::1111]/",
            "https://bücher.example/",
            " https://example.com/a manual.pdf\n",
            "https://internal.example.com/",
            "https://localhost.example.com/",
        ] {
            assert!(fetchable(text).is_ok(), "{text}");
        }
        for text in [
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "data:,x",
            "gopher://example.com/",
            "https://user@example.com/",
            "https://u:p@example.com/",
            "https://example.com:8443/",
            "https://example.com:80/",
            "https://example.com/#page=2",
            "https://example.com./",
            "https://localhost/",
            "https://LOCALHOST/",
            "https://a.localhost/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "https://intranet/",
            "https://ip-10-0-0-1.eu-west-1.compute.internal/",
            // All of these are 127.0.0.1, written to be overlooked.
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://0x7f.1/",
            "https://127.0.0.1./",
            "https://①②⑦.0.0.1/",
            "https://%31%32%37.0.0.1/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[::ffff:7f00:1]/",
            "https://0/",
            "https://0.0.0.0/",
            // The metadata services.
            "https://169.254.169.254/latest/meta-data/",
            "https://2852039166/",
            "https://0xa9fea9fe/",
            "https://[fd00:ec2::254]/",
            "https://[64:ff9b::a9fe:a9fe]/",
        ] {
            assert_eq!(fetchable(text).unwrap_err(), NotFetchable::NotAllowed, "{text}");
        }
        let long = format!("https://example.com/{}", "x".repeat(2048));
        for text in [
            "",
            "example.com/a.pdf",
            "https://",
            "https://exa mple.com/",
            "https://[::1/",
            "https://example.com/\0.pdf",
            "ht\ntps://example.com/",
            "https://exam\tple.com/",
            "https://example.com/\u{202e}fdp.exe",
            "https://example.com/a\u{2028}b",
            &long,
        ] {
            assert_eq!(fetchable(text).unwrap_err(), NotFetchable::NotAUrl, "{text}");
        }
    }

    #[test]
    fn where_a_server_points_to_is_judged_the_same() {
        let from = fetchable("https://example.com/a/b").unwrap();
        let to = |location: &str| redirected(&from, location).map(String::from);
        assert_eq!(to("../c.pdf"), Ok("https://example.com/c.pdf".to_owned()));
        assert_eq!(to("//other.example/"), Ok("https://other.example/".to_owned()));
        for location in
            ["http://example.com/", "//127.1/", "https://10.0.0.1/", "//u@other.example/"]
        {
            assert_eq!(to(location), Err(NotFetchable::NotAllowed), "{location}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_the_same_however_it_is_embedded(bits: u32) {
            let v4 = Ipv4Addr::from_bits(bits);
            let public = is_public(v4.into());
            prop_assert_eq!(is_public(v4.to_ipv6_mapped().into()), public);
            let [a, b, c, d] = v4.octets().map(u16::from);
            let translated = Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d);
            prop_assert_eq!(is_public(translated.into()), public);
            prop_assert!(!is_public(v4.to_ipv6_compatible().into()));
            let six_to_four = Ipv6Addr::new(0x2002, a << 8 | b, c << 8 | d, 0, 0, 0, 0, 1);
            prop_assert!(!is_public(six_to_four.into()));
            prop_assert_eq!(fetchable(&format!("https://{v4}/")).is_ok(), public);
            prop_assert_eq!(fetchable(&format!("https://{bits}/")).is_ok(), public);
            prop_assert_eq!(fetchable(&format!("https://{bits:#x}/")).is_ok(), public);
            prop_assert_eq!(fetchable(&format!("https://0{bits:o}/")).is_ok(), public);
        }

        #[test]
        fn what_the_standard_library_knows_to_be_special_is_never_public(bits: u128, v4: u32) {
            let v6 = Ipv6Addr::from_bits(bits);
            let special = v6.is_loopback() || v6.is_multicast() || v6.is_unique_local()
                || v6.is_unicast_link_local() || v6.is_unspecified();
            prop_assert!(!(special && is_public(v6.into())));
            let v4 = Ipv4Addr::from_bits(v4);
            let special = v4.is_loopback() || v4.is_private() || v4.is_link_local()
                || v4.is_multicast() || v4.is_broadcast() || v4.is_documentation() || v4.is_unspecified();
            prop_assert!(!(special && is_public(v4.into())));
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _judged: Result<Url, NotFetchable> = fetchable(&text);
            let _judged: Result<Url, NotFetchable> = fetchable(&format!("https://{text}"));
        }
    }
}
