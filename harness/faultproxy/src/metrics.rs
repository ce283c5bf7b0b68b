//! Byte counters, counted while a connection lives, and their Prometheus text.
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of one direction of one proxy.
#[derive(Debug, Clone, Default)]
pub(crate) struct Count(Arc<Bytes>);

#[derive(Debug, Default)]
struct Bytes {
    received: AtomicU64,
    sent: AtomicU64,
}

impl Count {
    /// So many came in.
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.0.received, bytes);
    }

    /// So many went out.
    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.0.sent, bytes);
    }

    /// Received and sent since the proxy was made.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.0.received.load(Ordering::Relaxed), self.0.sent.load(Ordering::Relaxed))
    }
}

fn add(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(u64::try_from(bytes).unwrap_or(0), Ordering::Relaxed);
}

/// Counters of both directions of one proxy, upstream first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(pub(crate) [Count; 2]);

/// One proxy's line of numbers.
#[derive(Debug)]
pub(crate) struct Sample {
    pub(crate) proxy: String,
    pub(crate) listener: String,
    pub(crate) upstream: String,
    pub(crate) counts: Counts,
    pub(crate) connections: u64,
}

/// Toxiproxy's two counters under their own names, and live connections under ours.
///
/// Source: `metrics.go`, `collectors/proxy.go` of Toxiproxy 2.12; the text format is Prometheus's 0.0.4.
pub(crate) fn proxies(samples: &[Sample]) -> String {
    let mut text = String::new();
    for (index, (name, help)) in [
        ("toxiproxy_proxy_received_bytes_total", "The total number of bytes received"),
        ("toxiproxy_proxy_sent_bytes_total", "The total number of bytes sent"),
    ]
    .into_iter()
    .enumerate()
    {
        line(&mut text, format_args!("# HELP {name} {help}\n# TYPE {name} counter"));
        for sample in samples {
            for (direction, count) in ["upstream", "downstream"].into_iter().zip(&sample.counts.0) {
                let (received, sent) = count.read();
                let value = if index == 0 { received } else { sent };
                line(
                    &mut text,
                    format_args!(
                        "{name}{{direction=\"{direction}\",listener=\"{}\",proxy=\"{}\",upstream=\"{}\"}} {value}",
                        label(&sample.listener),
                        label(&sample.proxy),
                        label(&sample.upstream),
                    ),
                );
            }
        }
    }
    let name = "faultproxy_connections";
    line(&mut text, format_args!("# HELP {name} Connections that are open\n# TYPE {name} gauge"));
    for sample in samples {
        let proxy = label(&sample.proxy);
        line(&mut text, format_args!("{name}{{proxy=\"{proxy}\"}} {}", sample.connections));
    }
    text
}

/// Memory, descriptors and threads of this process, by Prometheus's usual names; empty where `/proc` does not tell.
pub(crate) fn process() -> String {
    let mut text = String::new();
    let Ok(process) = procfs::process::Process::myself() else { return text };
    let descriptors = process.fd_count().ok().and_then(|count| u64::try_from(count).ok());
    let stat = process.stat().ok();
    let memory = stat.as_ref().map(|stat| stat.rss.saturating_mul(procfs::page_size()));
    let threads = stat.as_ref().and_then(|stat| u64::try_from(stat.num_threads).ok());
    for (name, value) in [
        ("process_open_fds", descriptors),
        ("process_resident_memory_bytes", memory),
        ("process_threads", threads),
    ] {
        if let Some(value) = value {
            line(&mut text, format_args!("# TYPE {name} gauge\n{name} {value}"));
        }
    }
    text
}

fn line(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    writeln!(text, "{arguments}").unwrap_or_default();
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
