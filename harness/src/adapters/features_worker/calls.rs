//! What may be called, in the words of a product owner: one table for sign-in, signatures, allowlist, headers and the
//! API document, so that a route that is forgotten by one of them is forgotten by none.

use bytes::Bytes;
use http::Method;
use manuel_client::Request;
use serde_json::json;

use super::outcome::StepError;
use super::outcome::StepResult;
use super::run::Run;

/// An id that nobody was ever given.
pub const NOBODYS: &str = "00000000-0000-4000-8000-000000000000";
/// What a note of ours says.
const NOTE: &[u8] = b"The lamp has three steps. Press the ring for the next one.\n";

/// What a call is about.
#[derive(Clone, Debug)]
pub struct Subject {
    /// A manual's id.
    pub manual: String,
    /// A recording.
    pub recording: Bytes,
}

/// Something that somebody may try.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// As a feature says it, after "tries to".
    pub name: &'static str,
    /// `operationId` in the API's document; none of what is not in it.
    pub operation: Option<&'static str>,
    make: fn(&Subject) -> Request,
}

/// All of them.
pub const CALLS: &[Call] = &[
    call("ask a question", "query", |_| Request::Query {
        question: "How do I reset it?".to_owned(),
    }),
    call("ask aloud", "query", |subject| Request::VoiceQuery {
        content_type: "audio/wav".to_owned(),
        bytes: subject.recording.clone(),
    }),
    call("have a recording written down", "transcribe", |subject| Request::Transcribe {
        content_type: "audio/wav".to_owned(),
        bytes: subject.recording.clone(),
        filename: None,
    }),
    call("list the manuals", "list_manuals", |_| Request::ListManuals {
        limit: None,
        cursor: None,
    }),
    call("read a manual", "get_manual", |subject| Request::GetManual {
        id: subject.manual.clone(),
    }),
    call("upload a manual", "upload_manual", |_| Request::UploadManual {
        filename: "lamp.txt".to_owned(),
        content_type: "text/plain".to_owned(),
        bytes: Bytes::from_static(NOTE),
        idempotency_key: None,
    }),
    call("announce a large manual", "announce_manual", |_| {
        let (size, sha256) = (5_000_000, "0".repeat(64));
        let announced = json!({
            "filename": "large.pdf", "content_type": "application/pdf", "size": size, "sha256": sha256,
        });
        post("/api/manuals/upload-url", &announced.to_string())
    }),
    call("complete a large manual", "complete_manual", |subject| Request::Raw {
        method: Method::POST,
        path_and_query: format!("/api/manuals/{}/complete", subject.manual),
        content_type: None,
        body: Bytes::new(),
        signed: true,
    }),
    call("fetch a manual from the web", "download_manual", |_| {
        let wanted = json!({ "url": "https://127.0.0.1/lamp.pdf" });
        post("/api/manuals/download", &wanted.to_string())
    }),
    call("delete a manual", "delete_manual", |subject| Request::DeleteManual {
        id: subject.manual.clone(),
    }),
    call("see the usage", "usage", |_| Request::Usage { days: None }),
    call("see the quota", "quota", |_| Request::Quota),
    call("see the indexing", "ingestion_status", |_| Request::IngestionStatus),
    call("see one indexing job", "ingestion_job", |_| Request::IngestionJob {
        id: NOBODYS.to_owned(),
    }),
    call("see whether Manuel is up", "health", |_| Request::Health),
    call("see how its parts are", "deep_health", |_| Request::DeepHealth),
    call("see which build it is", "version", |_| Request::Version),
    call("read the document of the calls", "openapi", |_| get("/openapi.json")),
    call("open the page of the calls", "docs", |_| get("/docs")),
    call("open the script of that page", "docs_script", |_| get("/docs/page.js")),
    call("open the style of that page", "docs_style", |_| get("/docs/page.css")),
    call("ask for leave to ask a question", "preflight_query", |_| leave("/api/query")),
    call("ask for leave to delete a manual", "preflight_get_manual", |subject| {
        leave(&format!("/api/manuals/{}", subject.manual))
    }),
    odd("ask for leave to call what is not there", |_| leave("/api/nothing")),
    odd("ask nothing", |_| Request::Query { question: "   ".to_owned() }),
    odd("ask with a picture", |_| Request::Raw {
        method: Method::POST,
        path_and_query: "/api/query".to_owned(),
        content_type: Some("image/png".to_owned()),
        body: Bytes::from_static(b"\x89PNG\r\n\x1a\n"),
        signed: false,
    }),
    odd("upload a page that is none", |_| Request::UploadManual {
        filename: "torn.pdf".to_owned(),
        content_type: "application/pdf".to_owned(),
        bytes: Bytes::from_static(b"%PDF-1.7\nnothing that a page is made of\n"),
        idempotency_key: None,
    }),
    odd("upload what is no file", |_| post("/api/manuals/upload", "{\"filename\": 7}")),
    odd("send more than anybody may", |_| Request::Query { question: "a".repeat(6 * 1024 * 1024) }),
    odd("call what is not there", |_| get("/api/nothing")),
    odd("call in a way that is not there", |_| Request::Raw {
        method: Method::PATCH,
        path_and_query: "/api/manuals".to_owned(),
        content_type: None,
        body: Bytes::new(),
        signed: false,
    }),
];

const fn call(name: &'static str, operation: &'static str, make: fn(&Subject) -> Request) -> Call {
    Call { name, operation: Some(operation), make }
}

/// A call that no document foresees, or that one foresees only to refuse it.
const fn odd(name: &'static str, make: fn(&Subject) -> Request) -> Call {
    Call { name, operation: None, make }
}

/// What a feature calls so.
pub fn named(name: &str) -> StepResult<Call> {
    let found = CALLS.iter().find(|call| call.name == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = CALLS.iter().map(|call| call.name).collect();
        StepError::lost(format!("nothing is called \"{name}\"; there are: {}", names.join(", ")))
    })
}

impl Call {
    /// Its request.
    pub fn request(&self, subject: &Subject) -> Request {
        (self.make)(subject)
    }
}

impl Subject {
    /// The manual with this id, or one that nobody has.
    pub fn new(run: &Run, manual: Option<String>) -> StepResult<Self> {
        let file = run.root.join("fixtures/voice/router-01.wav");
        let recording = std::fs::read(file).map_err(|e| StepError::lost_by("a recording", &e))?;
        Ok(Self {
            manual: manual.unwrap_or_else(|| NOBODYS.to_owned()),
            recording: recording.into(),
        })
    }
}

/// A plain reading call.
fn get(path: &str) -> Request {
    raw(Method::GET, path)
}

/// A signed call with JSON.
fn post(path: &str, body: &str) -> Request {
    Request::Raw {
        method: Method::POST,
        path_and_query: path.to_owned(),
        content_type: Some("application/json".to_owned()),
        body: Bytes::from(body.to_owned()),
        signed: true,
    }
}

/// What a browser asks before it lets a page call.
fn leave(path: &str) -> Request {
    raw(Method::OPTIONS, path)
}

/// A call without a body that needs no signature.
pub fn raw(method: Method, path_and_query: &str) -> Request {
    Request::Raw {
        method,
        path_and_query: path_and_query.to_owned(),
        content_type: None,
        body: Bytes::new(),
        signed: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_names_of_their_own() {
        let mut names: Vec<&str> = CALLS.iter().map(|call| call.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), CALLS.len());
        let told = named("aks a question").unwrap_err().to_string();
        assert!(told.contains("ask a question, ask aloud"), "{told}");
    }
}
