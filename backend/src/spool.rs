//! A large file on its way through this process: on disk, not in memory, and without a name, so that nothing is left of
//! it when the process ends in whatever way. Its size is bounded while it is written; its checksum is known when it is.

use std::error::Error;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::stream::BoxStream;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncWriteExt as _, BufWriter};

use crate::ports::{Dependency, PortError, PortErrorKind};

/// Bytes written at once.
const BUFFER_BYTES: usize = 256 << 10;

/// A whole file.
#[derive(Debug, Clone)]
pub struct Spooled {
    file: Arc<std::fs::File>,
    /// Bytes.
    pub size: u64,
    /// Hex.
    pub sha256: String,
}

/// Why there is no whole file.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError<E: Error + 'static> {
    /// There are more bytes than there may be; the rest was not read.
    #[error("longer than {0} bytes")]
    TooLong(u64),
    /// Nothing can be written here.
    #[error("cannot write to disk")]
    Disk(#[source] io::Error),
    /// The bytes broke off.
    #[error("the bytes broke off")]
    Source(#[source] E),
}

impl Spooled {
    /// Writes down all parts, `bytes_max` bytes at most.
    pub async fn write<E: Error + 'static>(
        mut parts: BoxStream<'static, Result<Bytes, E>>,
        bytes_max: u64,
    ) -> Result<Self, SpoolError<E>> {
        let made = tokio::task::spawn_blocking(tempfile::tempfile).await;
        let file = made.map_err(io::Error::other).flatten().map_err(SpoolError::Disk)?;
        let mut writer = BufWriter::with_capacity(BUFFER_BYTES, tokio::fs::File::from_std(file));
        let (mut size, mut hash) = (0_u64, Sha256::new());
        while let Some(part) = parts.try_next().await.map_err(SpoolError::Source)? {
            size = size.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            if size > bytes_max {
                return Err(SpoolError::TooLong(bytes_max));
            }
            hash.update(&part);
            writer.write_all(&part).await.map_err(SpoolError::Disk)?;
        }
        writer.flush().await.map_err(SpoolError::Disk)?;
        let file = Arc::new(writer.into_inner().into_std().await);
        Ok(Self { file, size, sha256: hex::encode(hash.finalize()) })
    }

    /// A path that opens the file anew, from its beginning, as long as this value lives.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }

    /// The file, from its beginning.
    pub fn open(&self) -> io::Result<std::fs::File> {
        std::fs::File::open(self.path())
    }
}

/// A disk that is full is a part of ours that is out.
pub fn disk_error(source: io::Error) -> PortError {
    PortError {
        dependency: Dependency::Reader,
        operation: "writing a file",
        kind: PortErrorKind::Unavailable,
        source: Some(Box::new(source)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use futures::StreamExt as _;

    use super::*;
    use crate::ports::Parts;

    fn parts(texts: &[&'static str]) -> Parts {
        let parts: Vec<_> =
            texts.iter().map(|text| Ok(Bytes::from_static(text.as_bytes()))).collect();
        futures::stream::iter(parts).boxed()
    }

    #[tokio::test]
    async fn a_file_can_be_read_from_its_beginning_any_number_of_times() {
        let spooled = Spooled::write(parts(&["one, ", "", "two"]), 8).await.unwrap();
        assert_eq!((spooled.size, spooled.sha256), (8, hex::encode(Sha256::digest("one, two"))));
    }

    #[tokio::test]
    async fn the_first_byte_too_many_ends_it() {
        let unread = futures::stream::once(async { panic!("nobody reads on") });
        let long = parts(&["12345", "6789"]).chain(unread).boxed();
        assert!(matches!(Spooled::write(long, 8).await, Err(SpoolError::TooLong(8))));
    }

    #[tokio::test]
    async fn it_has_no_name_and_goes_with_its_last_owner() {
        let spooled = Spooled::write(parts(&["text"]), 8).await.unwrap();
        for _ in 0..2 {
            let mut text = String::new();
            spooled.open().unwrap().read_to_string(&mut text).unwrap();
            assert_eq!(text, "text");
        }
        let target = std::fs::read_link(spooled.path()).unwrap();
        assert!(!target.exists(), "{}", target.display());
    }
}
