//! Emulated S3: the `s3s` protocol crate over a store of ours, or over `s3s-fs` in a folder. This
//! module chooses the backing and names the parts; AWS's protocol is `s3s`'s business.
mod api;
mod attributes;
mod conditions;
mod front;
mod guard;
mod listing;
mod memory;
mod multipart;
mod objects;
mod presigned;
mod received;
mod remote;
pub(crate) mod store;
mod unread;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;

use crate::clock::Clock;
use crate::options::S3Backing;
use crate::s3::memory::Memory;
use crate::s3::store::S3Store;
use crate::template::Bucket;

pub(crate) use self::front::S3Front;
pub(crate) use self::guard::Guard;
pub(crate) use self::remote::Remote;

/// Why the object store could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot create the folder {}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot use the folder {}: {reason}", path.display())]
    Open { path: PathBuf, reason: String },
}

/// The protocol service over its backing, with the buckets made, and a handle for reading.
pub(crate) fn open(
    backing: &S3Backing,
    buckets: &[Bucket],
    clock: Clock,
    guard: Guard,
) -> Result<(S3Service, S3Store), StoreError> {
    let (mut builder, store) = match backing {
        S3Backing::Memory => {
            let memory = Memory::new(clock);
            for bucket in buckets {
                memory.add_bucket(&bucket.name);
            }
            (S3ServiceBuilder::new(memory.clone()), S3Store::Memory(memory))
        }
        S3Backing::Folder(path) => {
            for folder in buckets.iter().map(|bucket| path.join(&bucket.name)) {
                std::fs::create_dir_all(&folder)
                    .map_err(|source| StoreError::Folder { path: folder, source })?;
            }
            let files = FileSystem::new(path).map_err(|error| StoreError::Open {
                path: path.clone(),
                reason: format!("{error:?}"),
            })?;
            (S3ServiceBuilder::new(files), S3Store::Folder(path.clone()))
        }
    };
    let mut config = S3Config::default();
    // Dates are judged by our front, on the test clock; the crate knows only the machine's.
    config.presigned_url_max_skew_time_secs = u32::MAX;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_auth(guard.clone());
    builder.set_access(guard);
    Ok((builder.build(), store))
}
