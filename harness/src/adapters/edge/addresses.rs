//! Sets of addresses (`AWS::WAFv2::IPSet`): ranges in CIDR notation.

use std::net::IpAddr;

/// Ranges, all of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses(Vec<Range>);

/// An address and how many of its leading bits count.
#[derive(Clone, Copy, Debug)]
struct Range {
    network: IpAddr,
    bits: u32,
}

impl Addresses {
    /// As a set holds them; an error is the text that is no range.
    pub(super) fn parse(texts: &[String]) -> Result<Self, String> {
        texts
            .iter()
            .map(|text| Range::parse(text).ok_or_else(|| text.clone()))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.has(address.to_canonical()))
    }
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let (network, bits) = text.split_once('/')?;
        let network: IpAddr = network.parse().ok()?;
        let bits = bits.parse().ok()?;
        // A WAF takes every range but the whole of a family.
        (bits > 0 && bits <= width(network)).then_some(Self { network, bits })
    }

    fn has(self, address: IpAddr) -> bool {
        let shift = width(self.network) - self.bits;
        width(self.network) == width(address)
            && number(self.network) >> shift == number(address) >> shift
    }
}

fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_begins_alike() {
        let set = ["10.1.0.0/16", "192.0.2.7/32", "2001:db8::/32"].map(str::to_owned);
        let set = Addresses::parse(&set).unwrap();
        for (address, inside) in [
            ("10.1.255.255", true),
            ("10.2.0.0", false),
            ("192.0.2.7", true),
            ("192.0.2.6", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("::ffff:10.1.2.3", true),
        ] {
            assert_eq!(set.has(address.parse().unwrap()), inside, "{address}");
        }
        assert!(!Addresses::default().has([127, 0, 0, 1].into()));
    }

    #[test]
    fn what_is_no_range_is_named() {
        for text in ["10.0.0.0", "10.0.0.0/33", "0.0.0.0/0", "x/8", "10.0.0.0/-1"] {
            assert_eq!(Addresses::parse(&[text.to_owned()]).unwrap_err(), text);
        }
    }
}
