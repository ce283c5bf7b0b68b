//! Samples of processes on this machine, from `/proc`.

use procfs::process::Process as Proc;
use thiserror::Error;
use verdict::domain::evidence::Resource;
use verdict::domain::objective::Process;
use verdict::domain::run::Machine;

/// What can be said about a process now.
#[derive(Debug)]
pub struct Sampler {
    process: Process,
    pid: i32,
    last: Option<(u64, u64)>,
}

/// A process cannot be sampled.
#[derive(Debug, Error)]
#[error("cannot sample process {pid}")]
pub struct SampleError {
    /// Which.
    pub pid: i32,
    /// Why.
    #[source]
    pub source: procfs::ProcError,
}

impl Sampler {
    /// Samples `pid` as `process`.
    pub fn new(process: Process, pid: u32) -> Self {
        Self { process, pid: i32::try_from(pid).unwrap_or(i32::MAX), last: None }
    }

    /// A sample at `at_ms` of the load; `now_us` is any monotonic clock. The first has no processor use yet and is none.
    pub fn sample(
        &mut self,
        at_ms: u64,
        now_us: u64,
        phase: &str,
    ) -> Result<Option<Resource>, SampleError> {
        let pid = self.pid;
        self.read(at_ms, now_us, phase).map_err(|source| SampleError { pid, source })
    }

    fn read(
        &mut self,
        at_ms: u64,
        now_us: u64,
        phase: &str,
    ) -> Result<Option<Resource>, procfs::ProcError> {
        let proc = Proc::new(self.pid)?;
        let stat = proc.stat()?;
        let ticks = stat.utime + stat.stime;
        let fds = proc.fd_count()? as u64;
        let last = self.last.replace((ticks, now_us));
        let Some((last_ticks, last_us)) = last.filter(|(_, last_us)| *last_us < now_us) else {
            return Ok(None);
        };
        let used =
            ticks.saturating_sub(last_ticks) * 1_000_000_000 / procfs::ticks_per_second().max(1);
        Ok(Some(Resource {
            at_ms,
            phase: phase.to_owned(),
            process: self.process,
            cpu_permille: used / (now_us - last_us),
            rss_kib: stat.rss * procfs::page_size() / 1_024,
            fds,
            threads: u64::try_from(stat.num_threads).unwrap_or(0),
        }))
    }
}

/// This machine, as far as timings depend on it.
pub fn machine() -> Machine {
    use procfs::Current as _;
    let cpu = procfs::CpuInfo::current()
        .ok()
        .and_then(|info| info.model_name(0).map(str::to_owned))
        .unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = procfs::Meminfo::current().map_or(0, |memory| memory.mem_total / 1_048_576);
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    Machine {
        cores: u32::try_from(cores).unwrap_or(1),
        memory_mib: memory,
        cpu,
        os: std::env::consts::OS.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_threads_and_descriptors() {
        let mut sampler = Sampler::new(Process::Worker, std::process::id());
        assert_eq!(sampler.sample(0, 1_000, "p").unwrap(), None);
        let sample = sampler.sample(500, 501_000, "p").unwrap().unwrap();
        assert!(sample.rss_kib > 500 && sample.threads >= 1 && sample.fds >= 3, "{sample:?}");
        assert!(machine().cores >= 1);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(Sampler::new(Process::Backend, 0x3fff_fffe).sample(0, 1, "p").is_err());
    }
}
