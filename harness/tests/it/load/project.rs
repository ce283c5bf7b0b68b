//! A project root of a test's own: everything of the workspace by symbolic link, profiles and reports apart.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::process::Stdio;

use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncBufReadExt as _;
use tokio::io::AsyncReadExt as _;
use tokio::io::BufReader;
use tokio::process::Child;
use tokio::process::ChildStderr;
use tokio::process::Command;
use tokio::time::timeout;

use crate::stage::processes::PATIENCE;

/// What every profile here has in common; stages and mix differ.
const HEADER: &str = r#"
schema = "manuel-load/1"
title = "A load for a test"
users = 4
manuals = ["router"]
max_in_flight = 100
timeout_ms = 28000
cache_hits = { min_permille = 0, max_permille = 1000 }
objectives = { "dropped" = "share dropped <= 0%" }
"#;

/// A temporary project root.
pub(crate) struct Project {
    folder: TempDir,
}

/// A `harness` process in such a root, and in a process group of its own, as a shell would start it.
pub(crate) struct Runner {
    child: Child,
    stderr: BufReader<ChildStderr>,
    said: String,
}

/// How a `harness` process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    /// With the frames of diagnostics taken out, so that sentences are whole.
    pub(crate) stderr: String,
}

/// The workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

impl Project {
    /// With the workspace's profiles.
    pub(crate) fn new() -> Self {
        let (folder, from) = (tempfile::tempdir().unwrap(), workspace());
        for name in ["Cargo.toml", "harness", "backend", "fixtures", "docs"] {
            symlink(from.join(name), folder.path().join(name)).unwrap();
        }
        let profiles = folder.path().join("scenarios/load");
        std::fs::create_dir_all(&profiles).unwrap();
        for name in ["smoke.toml", "sustained.toml", "peak.toml"] {
            std::fs::copy(from.join("scenarios/load").join(name), profiles.join(name)).unwrap();
        }
        Self { folder }
    }

    /// With a profile `mine` of one open stage at 20 requests/s.
    pub(crate) fn with_load(mix: &str, duration_ms: u64) -> Self {
        let project = Self::new();
        let stage = format!(
            "name = \"steady\"\nmodel = \"open\"\nduration_ms = {duration_ms}\nrate_per_s = 20\narrivals = \"uniform\"\n"
        );
        // As many users as keep to the rate limit of the stage, however long the load.
        let header = HEADER.replace("users = 4", "users = 12");
        project.write_profile("mine", &format!("{header}\n[mix]\n{mix}\n[[stages]]\n{stage}"));
        project
    }

    pub(crate) fn write_profile(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(format!("scenarios/load/{name}.toml")), text).unwrap();
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Folders of the runs so far, by name.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.path().join("reports")) else { return Vec::new() };
        let mut runs: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        runs.sort();
        runs
    }

    /// The folder of the only run.
    pub(crate) fn run(&self) -> PathBuf {
        let [run] = &self.runs()[..] else { panic!("one run: {:?}", self.runs()) };
        run.clone()
    }

    /// Starts `harness` with these arguments.
    pub(crate) fn start(&self, args: &[&str]) -> Runner {
        let mut child = Command::new(env!("CARGO_BIN_EXE_harness"))
            .args(args)
            .arg("--root")
            .arg(self.path())
            // Whatever inherits this is one of ours.
            .env("HARNESS_TEST_PROJECT", self.path())
            .current_dir(self.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Runner { child, stderr, said: String::new() }
    }

    /// Runs `harness` with these arguments to its end.
    pub(crate) async fn harness(&self, args: &[&str]) -> Ended {
        self.start(args).ended().await
    }
}

impl Runner {
    /// Ctrl-C: the terminal signals the whole group.
    pub(crate) fn ctrl_c(&self) {
        killpg(self.pid(), Signal::SIGINT).unwrap();
    }

    /// Signals this process alone.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().unwrap().try_into().unwrap())
    }

    /// Waits for its own end: what it left may still hold its output open.
    pub(crate) async fn exited(&mut self) -> ExitStatus {
        timeout(PATIENCE, self.child.wait()).await.expect("an end in time").unwrap()
    }

    /// Waits until it says this on stderr.
    pub(crate) async fn says(&mut self, sentence: &str) {
        let reading = async {
            while !self.said.contains(sentence) {
                let read = self.stderr.read_line(&mut self.said).await.unwrap();
                assert_ne!(read, 0, "it ended without saying {sentence}:\n{}", self.said);
            }
        };
        timeout(PATIENCE, reading).await.expect(sentence);
    }

    /// Waits for its end, and for that of everything that writes to its output.
    pub(crate) async fn ended(mut self) -> Ended {
        let (mut stdout, mut said) = (String::new(), std::mem::take(&mut self.said));
        let mut data = self.child.stdout.take().unwrap();
        let ending = async {
            let (out, err, status) = tokio::join!(
                data.read_to_string(&mut stdout),
                self.stderr.read_to_string(&mut said),
                self.child.wait()
            );
            out.and(err).and(status).unwrap()
        };
        let status = timeout(PATIENCE, ending).await.expect("an end in time");
        Ended { status, stdout, stderr: said.replace("\n  │ ", "") }
    }
}

impl Ended {
    /// Its exit code, with what it said where that is another.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32) -> &Self {
        assert_eq!(self.status.code(), Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }

    /// What it must have said on stderr.
    #[track_caller]
    pub(crate) fn said(&self, sentence: &str) -> &Self {
        assert!(self.stderr.contains(sentence), "not said: {sentence}\n{}", self.stderr);
        self
    }
}

/// A file of a run.
pub(crate) fn text(run: &Path, name: &str) -> String {
    let path = run.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A JSON file of a run.
pub(crate) fn json(run: &Path, name: &str) -> Value {
    serde_json::from_str(&text(run, name)).unwrap()
}
