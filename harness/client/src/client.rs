//! Sends requests to one backend from one source address, and reads each answer to its end.

use std::net::IpAddr;
use std::time::Duration;

use bytes::BytesMut;

use crate::connection;
use crate::connection::{Bounds, ConnectionError};
use crate::exchange::{Exchange, Failure, Marks, Monotonic};
use crate::prepare::{PrepareError, Prepared, SendOptions};
use crate::request::{Encoded, Request};
use crate::transport::{Phase, TransportFault};

/// A larger body is not read: no answer of Manuel comes near it.
pub const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// A client of one backend. Clones share their connections.
#[derive(Clone, Debug)]
pub struct ManuelClient {
    http: reqwest::Client,
    base_url: reqwest::Url,
    local_address: Option<IpAddr>,
}

impl ManuelClient {
    /// A client for `base_url` (a path in it, an API Gateway stage, say, comes before every route), from
    /// `local_address` where given. `timeout` bounds an attempt to its last byte, `connect_timeout` its connection.
    pub fn new(
        base_url: &str,
        local_address: Option<IpAddr>,
        timeout: Duration,
        connect_timeout: Duration,
    ) -> Result<Self, ConnectionError> {
        let base_url = connection::base_url(base_url)?;
        let bounds = Bounds { timeout, connect_timeout };
        let http = connection::http_client(&base_url, local_address, bounds)?;
        Ok(Self { http, base_url, local_address })
    }

    /// What it was made for.
    pub(crate) fn base_url(&self) -> &reqwest::Url {
        &self.base_url
    }

    /// Where it sends from.
    pub(crate) fn local_address(&self) -> Option<IpAddr> {
        self.local_address
    }

    /// Makes an encoded request ready for one send.
    pub fn prepare(
        &self,
        encoded: &Encoded,
        options: &SendOptions<'_>,
    ) -> Result<Prepared, PrepareError> {
        Prepared::new(&self.base_url, encoded, options)
    }

    /// Encodes a request and makes it ready, where nobody counts the time.
    pub fn prepare_request(
        &self,
        request: &Request,
        options: &SendOptions<'_>,
    ) -> Result<Prepared, PrepareError> {
        let encoded = Encoded::new(request).map_err(|source| PrepareError::Encode { source })?;
        self.prepare(&encoded, options)
    }

    /// Sends it once and reads the whole answer, at most [`MAX_BODY_BYTES`] of body. It is never tried again.
    pub async fn send(
        &self,
        prepared: &Prepared,
        clock: &impl Monotonic,
    ) -> Result<Exchange, Failure> {
        let mut request = reqwest::Request::new(prepared.method.clone(), prepared.url.clone());
        *request.headers_mut() = prepared.headers.clone();
        if !prepared.body.is_empty() {
            *request.body_mut() = Some(reqwest::Body::from(prepared.body.clone()));
        }
        let sent_us = clock.now_us();
        let marks = |head_us| Marks { sent_us, head_us, done_us: clock.now_us() };
        let mut response = match self.http.execute(request).await {
            Ok(response) => response,
            Err(error) => {
                let fault = TransportFault::from_error(&error, Phase::Head);
                return Err(Failure { fault, status: None, request_id: None, marks: marks(None) });
            }
        };
        let head_us = Some(clock.now_us());
        let status = response.status().as_u16();
        match read_body(&mut response).await {
            Ok(body) => {
                let headers = std::mem::take(response.headers_mut());
                Ok(Exchange { status, headers, body: body.freeze(), marks: marks(head_us) })
            }
            Err(fault) => {
                let id = response.headers().get("x-request-id");
                let request_id = id.and_then(|id| id.to_str().ok()).map(str::to_owned);
                Err(Failure { fault, status: Some(status), request_id, marks: marks(head_us) })
            }
        }
    }
}

async fn read_body(response: &mut reqwest::Response) -> Result<BytesMut, TransportFault> {
    let mut body = BytesMut::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY_BYTES => {
                return Err(TransportFault::too_large(MAX_BODY_BYTES));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => return Err(TransportFault::from_error(&error, Phase::Body)),
        }
    }
}
