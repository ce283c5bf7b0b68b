//! PDFs are read in a process of their own, one for each: this program, started with [`ARGUMENT`]. A stranger's PDF can
//! make a reader panic, recurse until the stack ends, or unpack a few hundred kilobytes into gigabytes; the process is
//! what bounds all of it. Memory and CPU time are the kernel's limits, which the process sets for itself before it
//! reads; wall time is its parent's. Its environment is empty: it holds no credentials.
//!
//! The PDF goes in on standard input; the number of pages comes out on standard output, with exit code 0. Any other end
//! means that it cannot be read. Nothing here decides what a client is told.

use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;
use std::process::{ExitCode, Output, Stdio};
use std::time::Duration;

use bytes::Bytes;
use nix::sys::resource::{Resource, setrlimit};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::Semaphore;

use crate::domain::document::{DocumentType, NotADocument, UPLOAD_BYTES_MAX};
use crate::ports::{Dependency, DocumentReader, PortError, PortErrorKind, PortFuture};

/// The one argument of the reading process.
pub const ARGUMENT: &str = "__read-pdf";

/// Bytes of memory that the process may have for data: the file, what it unpacks to, and the objects made of it.
const DATA_BYTES_MAX: u64 = 160 << 20;

/// Kilobytes that may have been in memory at once. A PDF that needed more is refused even if it was read: the reader
/// cuts off what does not fit into [`DATA_BYTES_MAX`] and goes on. Buffers double, so that what was cut off had at
/// least half of it.
const PEAK_KIB_MAX: u64 = 78 << 10;

/// CPU seconds of the process. A manual of the largest size takes some tenths.
const CPU_S_MAX: u64 = 2;

/// Wall time of one reading. Only a machine with too much to do gets here; the client may try again.
const READ_WITHIN: Duration = Duration::from_secs(6);

/// Readings at once: they are CPU time, and memory.
const AT_ONCE: usize = 2;

/// Exit code of the process for a PDF that cannot be read.
const EXIT_UNREADABLE: u8 = 65;

/// Starts the processes.
#[derive(Debug)]
pub struct PdfReader {
    program: PathBuf,
    slots: Semaphore,
}

/// How the process ended when it ended without a number.
#[derive(Debug, thiserror::Error)]
#[error("the reading process ended with {0}")]
struct Ended(std::process::ExitStatus);

impl PdfReader {
    /// With this program as the reader, which must begin with [`is_asked_for`].
    pub fn of_this_program() -> Self {
        // The link stays right when the file is replaced by a new version.
        Self::of("/proc/self/exe")
    }

    /// With another program as the reader.
    pub fn of(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), slots: Semaphore::new(AT_ONCE) }
    }

    async fn ended(&self, bytes: &[u8]) -> io::Result<Output> {
        let _slot = self.slots.acquire().await.map_err(io::Error::other)?;
        let mut child = Command::new(&self.program)
            .arg(ARGUMENT)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let feed = async move {
            if let Some(mut stdin) = stdin {
                // A process that ended does not read on; its exit says why.
                let _broken: io::Result<()> = stdin.write_all(bytes).await;
            }
        };
        let ((), output) = tokio::join!(feed, child.wait_with_output());
        output
    }

    async fn pdf_pages(&self, bytes: &[u8]) -> Result<Result<u32, NotADocument>, PortError> {
        let unavailable = |error: Box<dyn std::error::Error + Send + Sync>| PortError {
            dependency: Dependency::Reader,
            operation: "reading a PDF",
            kind: PortErrorKind::Unavailable,
            source: Some(error),
        };
        let output = tokio::time::timeout(READ_WITHIN, self.ended(bytes))
            .await
            .map_err(|late| unavailable(Box::new(late)))?
            .map_err(|error| unavailable(Box::new(error)))?;
        let number = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
        Ok(match number.filter(|_| output.status.success()) {
            Some(pages) => Ok(pages),
            None => Err(NotADocument::unreadable(Ended(output.status))),
        })
    }
}

impl DocumentReader for PdfReader {
    fn pages(
        &self,
        document: DocumentType,
        bytes: Bytes,
    ) -> PortFuture<'_, Result<u32, NotADocument>> {
        Box::pin(async move {
            match document {
                DocumentType::Pdf if bytes.starts_with(b"%PDF-") => self.pdf_pages(&bytes).await,
                // A look at the first bytes, or one pass over the text.
                DocumentType::Pdf | DocumentType::Text | DocumentType::Markdown => {
                    Ok(document.pages(&bytes))
                }
            }
        })
    }
}

/// Whether this process was started to read a PDF.
pub fn is_asked_for() -> bool {
    std::env::args_os().nth(1).is_some_and(|argument| argument == ARGUMENT)
}

/// The process: reads one PDF from standard input. A panic ends it with another code than 0, as it should.
pub fn read_one() -> ExitCode {
    let read = limit().and_then(|()| read_input());
    let Ok(bytes) = read else { return ExitCode::FAILURE };
    match DocumentType::Pdf.pages(&bytes) {
        Ok(pages) if peak_kib().is_none_or(|peak| peak <= PEAK_KIB_MAX) => {
            match writeln!(io::stdout(), "{pages}") {
                Ok(()) => ExitCode::SUCCESS,
                Err(_nobody_listens) => ExitCode::FAILURE,
            }
        }
        Ok(_) | Err(_) => ExitCode::from(EXIT_UNREADABLE),
    }
}

fn limit() -> io::Result<()> {
    // A process that the limits end leaves no core file.
    for (resource, most) in [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_DATA, DATA_BYTES_MAX),
        (Resource::RLIMIT_CPU, CPU_S_MAX),
    ] {
        setrlimit(resource, most, most)?;
    }
    Ok(())
}

fn read_input() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(UPLOAD_BYTES_MAX).unwrap_or(u64::MAX);
    io::stdin().take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The most memory that this process has had, in kilobytes; none where the system does not tell.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
