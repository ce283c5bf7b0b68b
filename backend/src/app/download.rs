//! A manual from a public URL, fetched by us. A stranger says where, so nothing in our own network may be reached: every
//! address of a name is judged, the connection goes to exactly a judged one, and each redirect is judged anew. The origin
//! learns nothing about its asker, and the asker nothing about the origin but whether a manual came: whatever goes wrong
//! there is one answer.
//!
//! What is fetched can change between two calls, so an `Idempotency-Key` would promise too much: each call is a manual of
//! its own.

use std::net::IpAddr;
use std::time::Duration;

use url::{Host, Url};

use crate::app::caller::Caller;
use crate::app::error::{AppError, AppResult, InputError, NoDownload};
use crate::app::idempotency::Ids;
use crate::app::intake::{CheckedFile, Content, Uploaded, take_in};
use crate::context::Deadline;
use crate::domain::document::{DocumentType, LARGE_BYTES_MAX};
use crate::domain::file_name::name_of;
use crate::domain::manual::valid_name;
use crate::domain::public_address::{NotFetchable, fetchable, is_public, redirected};
use crate::ports::{WebAnswer, WebError};
use crate::spool::{SpoolError, Spooled, disk_error};
use crate::state::App;

/// Bound of all that is done with origins; what remains of the request's time is for reading and storing.
const FETCH_WITHIN: Duration = Duration::from_secs(10);

/// How often a server may point elsewhere.
const REDIRECTS_MAX: usize = 3;

/// How many addresses of a name are tried.
const ADDRESSES_TRIED_MAX: usize = 3;

/// A manual as it is asked for.
#[derive(Debug)]
pub struct DownloadCommand {
    /// Where it is.
    pub url: String,
    /// What it is to be called, if not what its server calls it.
    pub filename: Option<String>,
}

struct Fetched {
    name: String,
    document: DocumentType,
    file: Spooled,
}

/// Fetches a manual, stores it and has it indexed.
pub async fn download(app: &App, caller: &Caller, command: DownloadCommand) -> AppResult<Uploaded> {
    let name = command
        .filename
        .as_deref()
        .map(|name| valid_name(name).ok_or(AppError::Input(InputError::FileName)));
    let name = name.transpose()?;
    let url = fetchable(&command.url).map_err(refused)?;
    let fetching = Deadline::after(FETCH_WITHIN).bound(fetch(app, url));
    let fetched = caller.deadline.bound(fetching).await.map_err(AppError::Deadline)?;
    let slow = |_passed| AppError::DownloadFailed(NoDownload::Slow);
    let Fetched { name: own_name, document, file } = fetched.map_err(slow)??;
    let reading = app.ports.documents.pages_of_file(document, &file);
    let read = caller.deadline.bound(reading).await.map_err(AppError::Deadline)?;
    let pages = read
        .map_err(AppError::Port)?
        .map_err(|error| AppError::Input(InputError::Document(error)))?;
    let file = CheckedFile {
        name: name.unwrap_or(own_name),
        document,
        size: file.size,
        sha256: file.sha256.clone(),
        pages,
        content: Content::File(file),
    };
    take_in(app, caller, Ids::fresh(), file).await
}

/// Follows redirects to a file.
async fn fetch(app: &App, mut url: Url) -> AppResult<Fetched> {
    for _hop in 0..=REDIRECTS_MAX {
        let answer = ask(app, &url).await?;
        match answer.status {
            200 => return accept(&url, answer).await,
            301 | 302 | 303 | 307 | 308 => {
                let location = answer.location.ok_or(failed(NoDownload::Status(answer.status)))?;
                url = redirected(&url, &location).map_err(refused)?;
            }
            status => return Err(failed(NoDownload::Status(status))),
        }
    }
    Err(failed(NoDownload::Redirects))
}

/// Asks one server at an address that was judged; a further one only if nobody listens there.
async fn ask(app: &App, url: &Url) -> AppResult<WebAnswer> {
    let mut unreached = None;
    for address in addresses(app, url).await?.into_iter().take(ADDRESSES_TRIED_MAX) {
        match app.ports.web.get(url, address).await {
            Ok(answer) => return Ok(answer),
            Err(error @ WebError::Connect(_)) => unreached = Some(error),
            Err(error) => return Err(failed(NoDownload::Web(error))),
        }
    }
    Err(failed(unreached.map_or(NoDownload::NoAddress, NoDownload::Web)))
}

/// The addresses of the URL's host, all of them public; those of IPv4 first, for not every network of ours has the other.
async fn addresses(app: &App, url: &Url) -> AppResult<Vec<IpAddr>> {
    let mut found = match url.host() {
        Some(Host::Domain(name)) => {
            let resolved = app.ports.web.resolve(name).await;
            resolved.map_err(|error| failed(NoDownload::Web(error)))?
        }
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        None => Vec::new(),
    };
    if !found.iter().copied().all(is_public) {
        return Err(AppError::Input(InputError::UrlNotAllowed));
    }
    found.sort_by_key(IpAddr::is_ipv6);
    Ok(found)
}

/// Takes the body in, if it is said to be a manual and is not larger than one may be.
async fn accept(url: &Url, answer: WebAnswer) -> AppResult<Fetched> {
    let packed = answer.content_encoding.as_deref().map(str::trim);
    if packed.is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
        return Err(failed(NoDownload::Packed));
    }
    let document = answer.content_type.as_deref().and_then(DocumentType::of_content_type);
    let document = document.ok_or(AppError::Input(InputError::ContentType))?;
    if answer.content_length.is_some_and(|length| length > LARGE_BYTES_MAX) {
        return Err(AppError::Input(InputError::FileTooLarge));
    }
    let name = name_of(answer.content_disposition.as_deref(), url, document);
    let file = Spooled::write(answer.body, LARGE_BYTES_MAX).await.map_err(|error| match error {
        SpoolError::TooLong(_) => AppError::Input(InputError::FileTooLarge),
        SpoolError::Disk(error) => AppError::Port(disk_error(error)),
        SpoolError::Source(error) => failed(NoDownload::Web(error)),
    })?;
    if file.size == 0 {
        return Err(AppError::Input(InputError::EmptyFile));
    }
    Ok(Fetched { name, document, file })
}

fn failed(why: NoDownload) -> AppError {
    AppError::DownloadFailed(why)
}

fn refused(error: NotFetchable) -> AppError {
    AppError::Input(match error {
        NotFetchable::NotAUrl => InputError::Url,
        NotFetchable::NotAllowed => InputError::UrlNotAllowed,
    })
}
