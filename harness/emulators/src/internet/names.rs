//! The names of this world, each for every name below it, so that each attack has one of its own. Data only: no address
//! in here is ever dialled.

/// A public address (93.184.215.14 was example.com's).
pub(super) const PUBLIC: &str = "93.184.215.14";

/// Name → answers of the resolver, one list for each look-up; the last for ever.
pub(super) fn all() -> Vec<(&'static str, Vec<Vec<&'static str>>)> {
    let always = |name, addresses: &[&'static str]| (name, vec![addresses.to_vec()]);
    let turning = |name, then| (name, vec![vec![PUBLIC], vec![then]]);
    vec![
        always("*.site.example", &[PUBLIC]),
        always("*.empty.example", &[]),
        // What a stranger's name server may say.
        always("*.loopback.example", &["127.0.0.1"]),
        always("*.loopback6.example", &["::1"]),
        always("*.private.example", &["10.0.0.1"]),
        always("*.metadata.example", &["169.254.169.254"]),
        always("*.metadata6.example", &["fd00:ec2::254"]),
        always("*.mapped.example", &["::ffff:127.0.0.1"]),
        always("*.translated.example", &["64:ff9b::a9fe:a9fe"]),
        always("*.mixed.example", &[PUBLIC, "10.0.0.1"]),
        // A name whose owner changes it between the judge's look-up and the next.
        turning("*.rebound.example", "127.0.0.1"),
        turning("*.rebound-metadata.example", "169.254.169.254"),
    ]
}

/// Whom the certificate is for.
pub(super) fn certified() -> Vec<String> {
    let addresses = ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", PUBLIC];
    let names = all().into_iter().map(|(name, _)| name);
    names.chain(addresses).map(str::to_owned).collect()
}
