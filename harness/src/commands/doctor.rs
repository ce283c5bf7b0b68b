//! `harness doctor`: what this machine has of what the harness uses, and what each missing thing costs.

use std::ffi::OsString;
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::adapters::resources::machine;
use crate::cli::output::out;
use crate::commands::Context;
use crate::commands::Exit;
use crate::commands::error::CommandError;

/// Each program says its version at once.
const ASK: Duration = Duration::from_secs(10);
/// Two connections for each of some thousand clients.
const DESCRIPTORS: u64 = 4096;

/// A program, how it is asked, and what is not there without it.
const PROGRAMS: [(&str, &[&str], &str); 6] = [
    ("cargo", &["--version"], "builds the backend; a bundle needs none"),
    ("git", &["--version"], "tells which commit a build is; without it nothing promotes"),
    (
        "unshare",
        &["--version"],
        "keeps LocalStack in a network of its own (--stage localstack-host)",
    ),
    (
        "python3",
        &["--version"],
        "runs LocalStack (--stage localstack-host), schemathesis and cfn-lint in CI",
    ),
    ("java", &["-version"], "runs DynamoDB Local (--stage localstack-host)"),
    ("docker", &["version", "--format", "{{.Server.Version}}"], "runs --stage localstack"),
];

/// Runs the subcommand. Exit 4 where something without which nothing runs is missing.
pub async fn run(ctx: &Context) -> Result<Exit, CommandError> {
    let machine = machine();
    out(&format!(
        "machine: {} cores, {} MiB, {}, {}",
        machine.cores, machine.memory_mib, machine.cpu, machine.os
    ));
    out(&format!("harness: {} of {}", env!("HARNESS_PROFILE"), env!("HARNESS_COMMIT")));
    out(&format!(
        "root:    {}{}",
        ctx.root.display(),
        ctx.bundle_sha256().map(|sha| format!(" (bundle {sha})")).unwrap_or_default()
    ));
    let mut bad = false;
    for address in ["127.0.0.1:0", "127.77.0.1:0", "127.100.3.2:0"] {
        if let Err(error) = TcpListener::bind(address) {
            out(&format!(
                "  ✗ {address}: {error}; clients with addresses of their own need 127.0.0.0/8 (Linux)"
            ));
            bad |= address == "127.0.0.1:0";
        }
    }
    match nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE) {
        Ok((soft, _)) if soft < DESCRIPTORS => {
            out(&format!(
                "  · {soft} open files at most; a peak wants {DESCRIPTORS} (ulimit -n {DESCRIPTORS})"
            ));
        }
        Ok((soft, _)) => out(&format!("  ✓ {soft} open files at most")),
        Err(error) => out(&format!("  · the limit of open files cannot be read: {error}")),
    }
    bad |= !writable(&ctx.root.join("reports"));
    for (program, args, what) in PROGRAMS {
        match version(program, args).await {
            Some(version) => out(&format!("  ✓ {program:<9}{version}")),
            None => out(&format!("  · {program:<9}not there: {what}")),
        }
    }
    Ok(if bad { Exit::Environment } else { Exit::Pass })
}

fn writable(folder: &Path) -> bool {
    let tried = std::fs::create_dir_all(folder)
        .and_then(|()| tempfile::NamedTempFile::new_in(folder).map(drop));
    match tried {
        Ok(()) => {
            out(&format!("  ✓ {} can be written", folder.display()));
            true
        }
        Err(error) => {
            out(&format!("  ✗ {} cannot be written: {error}", folder.display()));
            false
        }
    }
}

async fn version(program: &str, args: &[&str]) -> Option<String> {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let asked = Command::new(program).args(args).kill_on_drop(true).output();
    let output = timeout(ASK, asked).await.ok()?.ok().filter(|output| output.status.success())?;
    let said = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    let line = String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned();
    (!line.is_empty()).then_some(line)
}
