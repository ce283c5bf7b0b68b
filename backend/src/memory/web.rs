//! The internet in memory: names with answers in turn, and pages; it remembers at which addresses it was asked.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Mutex;

use bytes::Bytes;
use futures::StreamExt as _;
use url::Url;

use super::locked;
use crate::ports::{Web, WebAnswer, WebError, WebFuture};

/// The internet.
#[derive(Debug, Default)]
pub struct MemoryWeb {
    names: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    pages: Mutex<BTreeMap<String, MemoryPage>>,
    asked: Mutex<Vec<(String, IpAddr)>>,
    dead: Mutex<Vec<IpAddr>>,
}

/// What a server answers.
#[derive(Debug, Clone, Default)]
pub struct MemoryPage {
    /// HTTP's.
    pub status: u16,
    /// `Location`
    pub location: Option<String>,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Content-Encoding`
    pub content_encoding: Option<String>,
    /// `Content-Length`, be it true or not.
    pub content_length: Option<u64>,
    /// `Content-Disposition`
    pub content_disposition: Option<String>,
    /// The parts of the body.
    pub parts: Vec<Bytes>,
}

impl MemoryWeb {
    /// The answers of the resolver, one look-up after the other; the last one stays.
    pub fn name(&self, name: &str, answers: &[&[&str]]) {
        let addresses = |answer: &&[&str]| answer.iter().filter_map(|a| a.parse().ok()).collect();
        locked(&self.names).insert(name.to_owned(), answers.iter().map(addresses).collect());
    }

    /// What is at a URL.
    pub fn page(&self, url: &str, page: MemoryPage) {
        locked(&self.pages).insert(url.to_owned(), page);
    }

    /// Nobody listens at this address.
    pub fn kill(&self, address: IpAddr) {
        locked(&self.dead).push(address);
    }

    /// What was asked for, and at which addresses.
    pub fn asked(&self) -> Vec<(String, IpAddr)> {
        locked(&self.asked).clone()
    }
}

impl Web for MemoryWeb {
    fn resolve<'a>(&'a self, name: &'a str) -> WebFuture<'a, Vec<IpAddr>> {
        Box::pin(async move {
            let unknown = || WebError::Name(io::Error::from(io::ErrorKind::NotFound));
            let mut names = locked(&self.names);
            let answers = names.get_mut(name).ok_or_else(unknown)?;
            Ok(if answers.len() > 1 { answers.remove(0) } else { answers.concat() })
        })
    }

    fn get<'a>(&'a self, url: &'a Url, address: IpAddr) -> WebFuture<'a, WebAnswer> {
        Box::pin(async move {
            locked(&self.asked).push((url.to_string(), address));
            let refused = || WebError::Connect(io::Error::from(io::ErrorKind::ConnectionRefused));
            if locked(&self.dead).contains(&address) {
                return Err(refused());
            }
            let page = locked(&self.pages).get(url.as_str()).cloned().ok_or_else(refused)?;
            Ok(WebAnswer {
                status: page.status,
                location: page.location,
                content_type: page.content_type,
                content_encoding: page.content_encoding,
                content_length: page.content_length,
                content_disposition: page.content_disposition,
                body: futures::stream::iter(page.parts.into_iter().map(Ok)).boxed(),
            })
        })
    }
}
