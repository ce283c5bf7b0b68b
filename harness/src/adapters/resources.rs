//! Samples of processes on this machine, from `/proc`.

use std::collections::BTreeMap;

use procfs::process::Process as Proc;
use thiserror::Error;
use verdict::domain::evidence::Resource;
use verdict::domain::objective::Process;
use verdict::domain::run::Machine;

/// What can be said about a process, or about many that are one thing, now.
#[derive(Debug)]
pub struct Sampler {
    process: Process,
    of: Of,
    /// Processor time by process at the last look, in ticks.
    last: Option<(BTreeMap<i32, u64>, u64)>,
}

/// Which processes.
#[derive(Clone, Copy, Debug)]
enum Of {
    One(i32),
    /// What runs under the guards of this process.
    Guarded(i32),
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
        Self { process, of: Of::One(i32::try_from(pid).unwrap_or(i32::MAX)), last: None }
    }

    /// Samples as one `process` all sandboxes of the stage `stage_pid`: the sum of what they use, but for memory, of
    /// which the largest counts, as each has a limit of its own.
    pub fn sandboxes(process: Process, stage_pid: u32) -> Self {
        Self { process, of: Of::Guarded(i32::try_from(stage_pid).unwrap_or(i32::MAX)), last: None }
    }

    /// A sample at `at_ms` of the load; `now_us` is any monotonic clock. The first has no processor use yet and is none.
    pub fn sample(
        &mut self,
        at_ms: u64,
        now_us: u64,
        phase: &str,
    ) -> Result<Option<Resource>, SampleError> {
        let (Of::One(pid) | Of::Guarded(pid)) = self.of;
        self.read(at_ms, now_us, phase).map_err(|source| SampleError { pid, source })
    }

    fn read(
        &mut self,
        at_ms: u64,
        now_us: u64,
        phase: &str,
    ) -> Result<Option<Resource>, procfs::ProcError> {
        let seen = match self.of {
            Of::One(pid) => vec![Seen::of(&Proc::new(pid)?)?],
            Of::Guarded(stage) => guarded(stage)?,
        };
        let ticks = seen.iter().map(|seen| (seen.pid, seen.ticks)).collect();
        let last = self.last.replace((ticks, now_us));
        let Some((last_ticks, last_us)) = last.filter(|(_, last_us)| *last_us < now_us) else {
            return Ok(None);
        };
        if seen.is_empty() {
            return Ok(None);
        }
        // One that has come since has used what it has used.
        let before = |seen: &Seen| last_ticks.get(&seen.pid).copied().unwrap_or(0);
        let ticks: u64 = seen.iter().map(|seen| seen.ticks.saturating_sub(before(seen))).sum();
        let used = ticks * 1_000_000_000 / procfs::ticks_per_second().max(1);
        Ok(Some(Resource {
            at_ms,
            phase: phase.to_owned(),
            process: self.process,
            cpu_permille: used / (now_us - last_us),
            rss_kib: seen.iter().map(|seen| seen.rss_kib).max().unwrap_or(0),
            fds: seen.iter().map(|seen| seen.fds).sum(),
            threads: seen.iter().map(|seen| seen.threads).sum(),
        }))
    }
}

/// One process at one look.
struct Seen {
    pid: i32,
    ticks: u64,
    rss_kib: u64,
    fds: u64,
    threads: u64,
}

impl Seen {
    fn of(process: &Proc) -> Result<Self, procfs::ProcError> {
        let stat = process.stat()?;
        Ok(Self {
            pid: stat.pid,
            ticks: stat.utime + stat.stime,
            rss_kib: stat.rss * procfs::page_size() / 1_024,
            fds: process.fd_count()? as u64,
            threads: u64::try_from(stat.num_threads).unwrap_or(0),
        })
    }
}

/// The grandchildren of `stage`: what its guards keep. One that ends meanwhile is left out.
fn guarded(stage: i32) -> Result<Vec<Seen>, procfs::ProcError> {
    let all: Vec<(Proc, i32)> = procfs::process::all_processes()?
        .filter_map(|process| {
            let process = process.ok()?;
            let parent = process.stat().ok()?.ppid;
            Some((process, parent))
        })
        .collect();
    let is_guard =
        |pid: i32| all.iter().any(|(process, ppid)| process.pid == pid && *ppid == stage);
    let kept = all.iter().filter(|(_, parent)| is_guard(*parent));
    Ok(kept.filter_map(|(process, _)| Seen::of(process).ok()).collect())
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
    fn sandboxes_are_the_grandchildren() {
        let own = procfs::process::Process::myself().unwrap().stat().unwrap();
        let grandparent = Proc::new(own.ppid).unwrap().stat().unwrap().ppid;
        let mut sampler = Sampler::sandboxes(Process::Backend, u32::try_from(grandparent).unwrap());
        assert_eq!(sampler.sample(0, 1_000, "p").unwrap(), None);
        let sample = sampler.sample(500, 501_000, "p").unwrap().unwrap();
        assert!(sample.rss_kib > 500 && sample.fds >= 3, "this process is one of them: {sample:?}");
        let mut nobodys = Sampler::sandboxes(Process::Backend, 0x3fff_fffe);
        nobodys.sample(0, 1_000, "p").unwrap();
        assert_eq!(nobodys.sample(500, 501_000, "p").unwrap(), None, "nothing is no sample");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        assert!(Sampler::new(Process::Backend, 0x3fff_fffe).sample(0, 1, "p").is_err());
    }
}
