//! Ranges of addresses, as in `TRUSTED_PROXIES` and `IP_ALLOWLIST`.

use std::net::IpAddr;
use std::str::FromStr;

/// An IPv4 or IPv6 range; a bare address is a range of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    network: IpAddr,
    prefix: u8,
}

/// The text is no range.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected an address or a range such as 10.0.0.0/8 or 2001:db8::/32")]
pub struct NotACidr;

impl Cidr {
    /// Whether the address lies in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = |ip: IpAddr| match ip {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()) << 96, true),
            IpAddr::V6(v6) => (v6.to_bits(), false),
        };
        let (network, network_is_v4) = bits(self.network);
        let (address, address_is_v4) = bits(address.to_canonical());
        let shift = 128_u32.saturating_sub(u32::from(self.prefix));
        let prefix_of = |value: u128| value.checked_shr(shift).unwrap_or(0);
        network_is_v4 == address_is_v4 && prefix_of(network) == prefix_of(address)
    }
}

impl FromStr for Cidr {
    type Err = NotACidr;

    fn from_str(text: &str) -> Result<Self, NotACidr> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(a, p)| (a, Some(p)));
        let network: IpAddr = address.trim().parse().map_err(|_not_an_address| NotACidr)?;
        let longest = if network.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => longest,
            Some(digits) => digits.trim().parse().map_err(|_not_a_number| NotACidr)?,
        };
        if prefix > longest { Err(NotACidr) } else { Ok(Self { network, prefix }) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ranges_hold_what_they_should() {
        let holds = |range: &str, address: &str| {
            range.parse::<Cidr>().unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("192.0.2.7", "192.0.2.7"));
        assert!(!holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
    }

    fn shares_first_bits(one: u128, other: u128, bits: u32, prefix: u32) -> bool {
        (0..prefix).all(|bit| (one >> (bits - 1 - bit)) & 1 == (other >> (bits - 1 - bit)) & 1)
    }

    proptest! {
        /// Bit by bit, with addresses that differ from the network in one bit, which is where mistakes are.
        #[test]
        fn a_range_holds_what_shares_its_first_bits(
            network in any::<u128>(), other in any::<u128>(), flip in 0_u32..128,
            prefix in 0_u32..=128, near in any::<bool>(),
        ) {
            let address = if near { network ^ (1 << flip) } else { other };
            let v6 = |bits: u128| IpAddr::from(std::net::Ipv6Addr::from_bits(bits));
            let range: Cidr = format!("{}/{prefix}", v6(network)).parse().unwrap();
            // What is mapped counts as IPv4, and is in no range of IPv6.
            let mapped = v6(address).to_canonical().is_ipv4();
            let expected = shares_first_bits(network, address, 128, prefix) && !mapped;
            prop_assert_eq!(range.contains(v6(address)), expected);

            let (network, flip, prefix) = (network >> 96, flip % 32, prefix % 33);
            let address = if near { network ^ (1 << flip) } else { other >> 96 };
            let v4 = |bits: u128| std::net::Ipv4Addr::from_bits(u32::try_from(bits).unwrap());
            let range: Cidr = format!("{}/{prefix}", v4(network)).parse().unwrap();
            let expected = shares_first_bits(network, address, 32, prefix);
            prop_assert_eq!(range.contains(v4(address).into()), expected);
            prop_assert_eq!(range.contains(v4(address).to_ipv6_mapped().into()), expected);
            prop_assert!(!range.contains(v4(address).to_ipv6_compatible().into()));
            let one: Cidr = v4(network).to_string().parse().unwrap();
            prop_assert_eq!(one.contains(v4(address).into()), network == address);
        }

        /// Any text is a range or none, and none panics.
        #[test]
        fn any_text_is_judged(text in "[0-9a-f:./x ]{0,24}") {
            if let Ok(range) = text.parse::<Cidr>() {
                let longest = if range.network.is_ipv4() { 32 } else { 128 };
                prop_assert!(range.prefix <= longest);
            }
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "host/8", "10.0.0.0/"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
