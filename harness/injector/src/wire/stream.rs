//! An exception in the middle of an event stream: one frame.
//!
//! Source: "Amazon Event Stream" of the Smithy specification: total length and headers' length (u32), CRC-32 of both,
//! headers, payload, CRC-32 of everything before. A header is name length (u8), name, type 7 (string), value
//! length (u16), value; all big-endian.
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::catalogue::ErrorShape;

/// `shape` as a frame: `:message-type` exception, `:exception-type` its code with a small first letter.
pub fn exception(shape: &ErrorShape) -> Bytes {
    let mut code = shape.code.clone();
    if let Some(first) = code.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    let mut payload = Map::new();
    payload.insert("message".to_owned(), shape.message.as_str().into());
    payload.extend(shape.members.clone());
    let payload = Value::Object(payload).to_string();
    let mut headers = Vec::new();
    for (name, value) in [
        (":exception-type", code.as_str()),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ] {
        headers.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        headers.extend_from_slice(name.as_bytes());
        headers.push(7);
        headers.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        headers.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = Vec::with_capacity(16 + headers.len() + payload.len());
    frame.extend_from_slice(&length(16 + headers.len() + payload.len()));
    frame.extend_from_slice(&length(headers.len()));
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.extend_from_slice(&headers);
    frame.extend_from_slice(payload.as_bytes());
    frame.extend_from_slice(&crc32fast::hash(&frame).to_be_bytes());
    frame.into()
}
