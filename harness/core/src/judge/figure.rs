//! Figures as people read them: in the unit that fits, with two decimals, rounded down.

/// A figure for people.
pub fn show(value: u64, unit: &str) -> String {
    let scaled = |divisor: u64, unit: &str| {
        format!("{}.{:02} {unit}", value / divisor, value % divisor * 100 / divisor)
    };
    match unit {
        "us" if value >= 1_000_000 => scaled(1_000_000, "s"),
        "us" if value >= 1_000 => scaled(1_000, "ms"),
        "us" => format!("{value} µs"),
        "ppm" if value >= 1_000 => scaled(10_000, "%"),
        "ppm" => format!("{value} ppm"),
        "milli_per_s" => scaled(1_000, "/s"),
        "kib" => scaled(1_024, "MiB"),
        "permille" => scaled(10, "% of a core"),
        _ => value.to_string(),
    }
}
