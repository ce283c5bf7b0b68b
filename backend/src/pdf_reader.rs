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
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use crate::domain::document::{
    DocumentType, LARGE_BYTES_MAX, NotADocument, TextCheck, UPLOAD_BYTES_MAX,
};
use crate::ports::{Dependency, DocumentReader, PortError, PortErrorKind, PortFuture};
use crate::spool::Spooled;

/// The one argument of the reading process.
pub const ARGUMENT: &str = "__read-pdf";

/// Bytes of memory that the process may have for data: the file, what it unpacks to, and the objects made of it.
const DATA_BYTES_MAX: u64 = 160 << 20;

/// Kilobytes that may have been in memory at once. A PDF that needed more is refused even if it was read: the reader
/// cuts off what does not fit into [`DATA_BYTES_MAX`] and goes on. Buffers double, so that what was cut off had at
/// least half of it.
const PEAK_KIB_MAX: u64 = 78 << 10;

/// A large file has this many times its size of memory in addition: itself, the largest of its streams, and room.
const LARGE_TIMES: u64 = 4;

/// Bytes of a text that are looked at together.
const PART_BYTES: usize = 256 << 10;

/// CPU seconds of the process. A manual of the largest size takes some tenths.
const CPU_S_MAX: u64 = 2;

/// The same for a large file: half a million small objects take two.
const LARGE_CPU_S_MAX: u64 = 5;

/// Wall time of one reading of a large file.
const LARGE_READ_WITHIN: Duration = Duration::from_secs(10);

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

    /// A large file takes all slots: it has the memory of several.
    async fn ended_by_file(&self, file: &Spooled) -> io::Result<Output> {
        let all = u32::try_from(AT_ONCE).unwrap_or(u32::MAX);
        let _slots = self.slots.acquire_many(all).await.map_err(io::Error::other)?;
        let stdin = file.open()?;
        self.started(stdin.into())?.wait_with_output().await
    }

    fn started(&self, stdin: Stdio) -> io::Result<Child> {
        Command::new(&self.program)
            .arg(ARGUMENT)
            .env_clear()
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
    }

    async fn ended(&self, bytes: &[u8]) -> io::Result<Output> {
        let _slot = self.slots.acquire().await.map_err(io::Error::other)?;
        let mut child = self.started(Stdio::piped())?;
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
}

/// What the process said, if it ended in time.
async fn pdf_pages(
    ended: impl Future<Output = io::Result<Output>>,
    within: Duration,
) -> Result<Result<u32, NotADocument>, PortError> {
    let output =
        tokio::time::timeout(within, ended).await.map_err(unavailable)?.map_err(unavailable)?;
    let number = String::from_utf8_lossy(&output.stdout).trim().parse().ok();
    Ok(match number.filter(|_| output.status.success()) {
        Some(pages) => Ok(pages),
        None => Err(NotADocument::unreadable(Ended(output.status))),
    })
}

fn unavailable(error: impl std::error::Error + Send + Sync + 'static) -> PortError {
    PortError {
        dependency: Dependency::Reader,
        operation: "reading a document",
        kind: PortErrorKind::Unavailable,
        source: Some(Box::new(error)),
    }
}

/// Looks at a large text on a thread that may block, a part at a time.
async fn text_pages(file: &Spooled) -> Result<Result<u32, NotADocument>, PortError> {
    let mut file = file.open().map_err(unavailable)?;
    let read = tokio::task::spawn_blocking(move || {
        let mut check = TextCheck::default();
        let mut part = vec![0; PART_BYTES];
        loop {
            match file.read(&mut part)? {
                0 => return Ok(check.pages()),
                length => {
                    if let Err(error) = check.part(&part[..length]) {
                        return Ok(Err(error));
                    }
                }
            }
        }
    });
    read.await.map_err(unavailable)?.map_err(|error: io::Error| unavailable(error))
}

/// Whether a file begins as a PDF does.
fn begins_as_pdf(file: &Spooled) -> io::Result<bool> {
    let mut head = Vec::new();
    file.open()?.take(5).read_to_end(&mut head)?;
    Ok(head == b"%PDF-")
}

impl DocumentReader for PdfReader {
    fn pages(
        &self,
        document: DocumentType,
        bytes: Bytes,
    ) -> PortFuture<'_, Result<u32, NotADocument>> {
        Box::pin(async move {
            match document {
                DocumentType::Pdf if bytes.starts_with(b"%PDF-") => {
                    pdf_pages(self.ended(&bytes), READ_WITHIN).await
                }
                // A look at the first bytes, or one pass over the text.
                DocumentType::Pdf | DocumentType::Text | DocumentType::Markdown => {
                    Ok(document.pages(&bytes))
                }
            }
        })
    }

    fn pages_of_file<'a>(
        &'a self,
        document: DocumentType,
        file: &'a Spooled,
    ) -> PortFuture<'a, Result<u32, NotADocument>> {
        Box::pin(async move {
            match document {
                DocumentType::Pdf if begins_as_pdf(file).map_err(unavailable)? => {
                    pdf_pages(self.ended_by_file(file), LARGE_READ_WITHIN).await
                }
                DocumentType::Pdf => Ok(Err(NotADocument::OtherType)),
                DocumentType::Text | DocumentType::Markdown => text_pages(file).await,
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
    let large = large_input();
    let read = limit(large).and_then(|()| read_input(large));
    let Ok(bytes) = read else { return ExitCode::FAILURE };
    let peak_kib_max = PEAK_KIB_MAX + (large * LARGE_TIMES / 2).div_ceil(1024);
    match DocumentType::Pdf.pages(&bytes) {
        Ok(pages) if peak_kib().is_none_or(|peak| peak <= peak_kib_max) => {
            match writeln!(io::stdout(), "{pages}") {
                Ok(()) => ExitCode::SUCCESS,
                Err(_nobody_listens) => ExitCode::FAILURE,
            }
        }
        Ok(_) | Err(_) => ExitCode::from(EXIT_UNREADABLE),
    }
}

/// Bytes of a large file, which comes as one; zero for an upload, which comes through a pipe.
fn large_input() -> u64 {
    let stdin = std::fs::metadata("/proc/self/fd/0");
    stdin.ok().filter(std::fs::Metadata::is_file).map_or(0, |file| file.len().min(LARGE_BYTES_MAX))
}

fn limit(large: u64) -> io::Result<()> {
    // A process that the limits end leaves no core file.
    for (resource, most) in [
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_DATA, DATA_BYTES_MAX + large * LARGE_TIMES),
        (Resource::RLIMIT_CPU, if large == 0 { CPU_S_MAX } else { LARGE_CPU_S_MAX }),
    ] {
        setrlimit(resource, most, most)?;
    }
    Ok(())
}

fn read_input(large: u64) -> io::Result<Vec<u8>> {
    // Room for all of a large file at once: a buffer that grows has it twice for a moment.
    let mut bytes = Vec::with_capacity(usize::try_from(large).unwrap_or(0).saturating_add(1));
    let most = u64::try_from(UPLOAD_BYTES_MAX).unwrap_or(u64::MAX).max(large);
    io::stdin().take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The most memory that this process has had, in kilobytes; none where the system does not tell.
fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
