//! The original's flags, in Go's spelling (`-port 8474`, `-port=8474`) and with two dashes.
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What `-h` prints.
pub(crate) const USAGE: &str = "Usage of faultproxy:
  -config string      JSON file of proxies to make at the start
  -host string        host of the API (default \"localhost\")
  -port string        port of the API (default \"8474\")
  -proxy-metrics      byte counters of proxies at GET /metrics
  -runtime-metrics    memory and descriptors at GET /metrics
  -seed int           seed of toxicities, jitters and slices (default: the time)
  -version            print the version and end";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Version,
    Run(Flags),
}

/// How to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    pub(crate) listen: SocketAddr,
    pub(crate) config: Option<String>,
    pub(crate) seed: u64,
    pub(crate) proxy_metrics: bool,
    pub(crate) runtime_metrics: bool,
}

/// A flag that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadFlag {
    #[error("flag provided but not defined: -{0}")]
    Unknown(String),
    #[error("unexpected argument: {0}")]
    Argument(String),
    #[error("flag needs an argument: -{0}")]
    Missing(String),
    #[error("invalid value \"{value}\" for flag -{flag}: expected {expected}")]
    Value { flag: &'static str, value: String, expected: &'static str },
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Asked, BadFlag> {
    let mut arguments = arguments.into_iter();
    let (mut host, mut port) = ("localhost".to_owned(), "8474".to_owned());
    let (mut config, mut seed) = (None, None);
    let (mut proxy_metrics, mut runtime_metrics) = (false, false);
    while let Some(argument) = arguments.next() {
        let Some(flag) = argument.strip_prefix("--").or_else(|| argument.strip_prefix('-')) else {
            return Err(BadFlag::Argument(argument));
        };
        let (name, given) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let on = given.as_deref().is_none_or(|value| matches!(value, "true" | "1" | "t"));
        let mut value = || {
            let next = given.clone().or_else(|| arguments.next());
            next.ok_or_else(|| BadFlag::Missing(name.to_owned()))
        };
        match name {
            "h" | "help" => return Ok(Asked::Help),
            "version" => return Ok(Asked::Version),
            "host" => host = value()?,
            "port" => port = value()?,
            "config" => config = Some(value()?),
            "seed" => {
                let value = value()?;
                let number = value.parse::<i64>().ok();
                let expected = "a whole number";
                let number = number.ok_or(BadFlag::Value { flag: "seed", value, expected })?;
                seed = Some(number.cast_unsigned());
            }
            "proxy-metrics" => proxy_metrics = on,
            "runtime-metrics" => runtime_metrics = on,
            other => return Err(BadFlag::Unknown(other.to_owned())),
        }
    }
    let listen = SocketAddr::new(address(&host)?, number(port)?);
    let seed = seed.unwrap_or_else(rand::random);
    Ok(Asked::Run(Flags { listen, config, seed, proxy_metrics, runtime_metrics }))
}

fn address(host: &str) -> Result<IpAddr, BadFlag> {
    if host.is_empty() || host == "localhost" {
        return Ok(Ipv4Addr::LOCALHOST.into());
    }
    let expected = "an IP address or localhost";
    host.parse().map_err(|_none| BadFlag::Value { flag: "host", value: host.to_owned(), expected })
}

fn number(port: String) -> Result<u16, BadFlag> {
    let number = port.parse();
    number.map_err(|_none| BadFlag::Value { flag: "port", value: port, expected: "0 to 65535" })
}

#[cfg(test)]
mod tests {
    use super::{Asked, parse};

    fn ask(line: &str) -> Result<Asked, String> {
        let arguments = line.split_whitespace().map(str::to_owned);
        parse(arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn go_and_gnu_spellings_are_the_same() {
        for line in ["-port 9 -seed 42 -proxy-metrics", "--port=9 --seed=42 --proxy-metrics=true"] {
            let Ok(Asked::Run(flags)) = ask(line) else { panic!("{line}") };
            assert_eq!(flags.listen.to_string(), "127.0.0.1:9");
            assert_eq!((flags.seed, flags.proxy_metrics, flags.runtime_metrics), (42, true, false));
        }
        assert_eq!(ask("-version"), Ok(Asked::Version));
        assert_eq!(ask("-h"), Ok(Asked::Help));
    }

    #[test]
    fn bad_flags_are_named() {
        for (line, says) in [
            ("-prot 1", "not defined: -prot"),
            ("-port", "needs an argument: -port"),
            ("-port 70000", "flag -port: expected 0 to 65535"),
            ("-seed x", "flag -seed"),
            ("-host example.org", "flag -host"),
            ("run", "unexpected argument: run"),
        ] {
            let told = ask(line).unwrap_err();
            assert!(told.contains(says), "{line}: {told}");
        }
    }
}
