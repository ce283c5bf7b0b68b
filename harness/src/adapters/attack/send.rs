//! One attack, put where it says and sent. What comes back is not judged here.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderName;
use http::HeaderValue;
use http::Method;
use manuel_client::AfterWrite;
use manuel_client::Request;
use manuel_client::percent;
use rand::Rng as _;
use serde_json::json;
use verdict::domain::attack::Attack;
use verdict::domain::attack::Payload;
use verdict::domain::attack::Place;
use verdict::domain::attack::place::Carrier;
use verdict::domain::attack::place::FilenameCall;
use verdict::domain::attack::place::IdCall;

use super::Arena;
use super::AttackError;
use super::Cast;
use super::call::Bent;
use super::call::bare;
use super::call::call;
use super::call::post;
use super::call::write;
use super::seen::Answered;
use super::seen::Role;
use super::seen::Seen;
use super::signature;
use super::token;
use super::upload;
use crate::adapters::embedded_stage::clock;

/// What the question is where something else is the attack.
const QUESTION: &str = "Which bulb does the lamp need?";

/// An attack about to be sent.
#[derive(Debug)]
pub(super) struct Shot<'a> {
    pub(super) arena: &'a Arena,
    pub(super) cast: &'a Cast,
    pub(super) attack: &'a Attack,
    /// A word of this play's own.
    pub(super) nonce: String,
    /// What is sent; empty where it is a trick.
    pub(super) payload: Vec<u8>,
}

impl<'a> Shot<'a> {
    pub(super) fn of(arena: &'a Arena, cast: &'a Cast, attack: &'a Attack) -> Self {
        let nonce: String =
            (0..12).map(|_| char::from(b'a' + rand::rng().random_range(0..26))).collect();
        let now = clock::signing_time(arena.clock_file().as_deref()).second();
        let host = arena.stage.base_url.split("://").last().unwrap_or_default();
        let values: BTreeMap<&'static str, String> = [
            ("nonce", nonce.clone()),
            ("host", host.to_owned()),
            ("token", cast.attacker.session.access_token.expose().to_owned()),
            ("now", now.to_string()),
            ("own_manual", cast.own_manual.clone()),
            ("victim_manual", cast.victim_manual.clone()),
            ("victim_filename", cast.victim_filename.clone()),
            ("victim_sub", cast.victim.sub.clone()),
            ("victim_name", cast.victim.username.clone()),
        ]
        .into();
        let payload = match &attack.payload {
            Payload::Template(template) => template.fill(&values),
            Payload::File(_) | Payload::Token(_) | Payload::Signature(_) => Vec::new(),
        };
        Self { arena, cast, attack, nonce, payload }
    }

    /// The payload where only text goes.
    fn text(&self) -> Result<String, AttackError> {
        String::from_utf8(self.payload.clone())
            .map_err(|_not_text| self.unsendable("it is not UTF-8".to_owned()))
    }

    pub(super) fn unsendable(&self, why: String) -> AttackError {
        AttackError::Unsendable { attack: self.attack.name.clone(), why }
    }
}

/// Sends the attack; answers are in the order in which they came.
pub(super) async fn send(shot: &Shot<'_>) -> Result<Vec<Answered>, AttackError> {
    let request = match &shot.attack.place {
        Place::Question => Request::Query { question: shot.text()? },
        Place::Voice { content_type } => Request::VoiceQuery {
            content_type: content_type.clone(),
            bytes: Bytes::from(shot.payload.clone()),
        },
        Place::Transcription { content_type } => Request::Transcribe {
            content_type: content_type.clone(),
            bytes: Bytes::from(shot.payload.clone()),
            filename: None,
        },
        Place::Id(id_call) => with_id(*id_call, &percent::encoded(&shot.payload)),
        Place::Parameter { path, name } => {
            let value = percent::encoded(&shot.payload);
            bare(Method::GET, format!("{path}?{name}={value}"), false)
        }
        Place::Filename(on) => with_filename(shot, *on)?,
        Place::DownloadUrl => post("/api/manuals/download", &json!({ "url": shot.text()? }), true),
        Place::Body { path, content_type, signed } => Request::Raw {
            method: Method::POST,
            path_and_query: path.clone(),
            content_type: content_type.clone(),
            body: Bytes::from(shot.payload.clone()),
            signed: *signed,
        },
        Place::Header { name, on } => return with_header(shot, name, *on).await,
        Place::Manual { content_type, filename, ask } => {
            let request = upload::request(filename, content_type, shot.payload.clone());
            return with_manual(shot, request, ask.as_deref()).await;
        }
        Place::LargeManual { content_type } => {
            return upload::large(shot, content_type, shot.payload.clone()).await;
        }
        Place::Path { method } => return with_path(shot, method).await,
        Place::Raw { cut } => return raw(shot, *cut).await,
        Place::Token => return token::send(shot).await,
        Place::Signature | Place::Timestamp => return signature::send(shot).await,
    };
    Ok(vec![call(shot, Role::Attack, request, Bent::default()).await?])
}

fn with_id(id_call: IdCall, id: &str) -> Request {
    let manual = format!("/api/manuals/{id}");
    match id_call {
        IdCall::Read => bare(Method::GET, manual, false),
        IdCall::Delete => bare(Method::DELETE, manual, true),
        IdCall::Complete => bare(Method::POST, format!("{manual}/complete"), true),
        IdCall::Job => bare(Method::GET, format!("/api/ingestion/job/{id}"), false),
    }
}

fn with_filename(shot: &Shot<'_>, on: FilenameCall) -> Result<Request, AttackError> {
    let filename = shot.text()?;
    Ok(match on {
        FilenameCall::Upload => {
            let text = format!("# Kettle {}\n", shot.nonce);
            upload::request(&filename, "text/markdown", text.into_bytes())
        }
        FilenameCall::Announce => {
            let announcement = json!({
                "filename": filename, "content_type": "application/pdf", "size": 5_000_000,
                "sha256": "0".repeat(64),
            });
            post("/api/manuals/upload-url", &announcement, true)
        }
        FilenameCall::Download => {
            let url = format!("https://{}.site.example/manual.md", shot.nonce);
            post("/api/manuals/download", &json!({ "url": url, "filename": filename }), true)
        }
    })
}

async fn with_header(
    shot: &Shot<'_>,
    name: &str,
    on: Carrier,
) -> Result<Vec<Answered>, AttackError> {
    let refused = |why: String| shot.unsendable(why);
    let name: HeaderName = name.parse().map_err(|_bad| refused(format!("no header {name}")))?;
    let value = HeaderValue::from_bytes(&shot.payload).map_err(|_bad| {
        refused("no header has these bytes; write them to the socket".to_owned())
    })?;
    let request = match on {
        Carrier::Health => Request::Health,
        Carrier::List => Request::ListManuals { limit: None, cursor: None },
        Carrier::Question => Request::Query { question: QUESTION.to_owned() },
        Carrier::Upload => upload::small(shot),
    };
    let anonymous = on == Carrier::Health;
    let bent = Bent { headers: vec![(name, value)], anonymous, unsigned: false };
    Ok(vec![call(shot, Role::Attack, request, bent).await?])
}

async fn with_manual(
    shot: &Shot<'_>,
    request: Request,
    ask: Option<&str>,
) -> Result<Vec<Answered>, AttackError> {
    let uploaded = call(shot, Role::Attack, request, Bent::default()).await?;
    let (Some(question), Some(id)) = (ask, upload::text_of(&uploaded, "manual_id")) else {
        return Ok(vec![uploaded]);
    };
    upload::indexed(shot, &id).await?;
    let question = Request::Query { question: question.to_owned() };
    let answered = call(shot, Role::Attack, question, Bent::default()).await?;
    Ok(vec![uploaded, answered])
}

/// A request line with the path as it stands, and the attacker's token.
async fn with_path(shot: &Shot<'_>, method: &str) -> Result<Vec<Answered>, AttackError> {
    let host = shot.arena.stage.base_url.split("://").last().unwrap_or_default();
    let token = shot.cast.attacker.session.access_token.expose();
    let length = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
    let head = format!(
        " HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\nUser-Agent: manuel-client\r\n\
         {length}Connection: close\r\n\r\n"
    );
    let bytes = [method.as_bytes(), b" ", &shot.payload, head.as_bytes()].concat();
    write(shot, &bytes, AfterWrite::Wait, false).await
}

async fn raw(shot: &Shot<'_>, cut: bool) -> Result<Vec<Answered>, AttackError> {
    if cut {
        return write(shot, &shot.payload, AfterWrite::Cut, false).await;
    }
    let host = shot.arena.stage.base_url.split("://").last().unwrap_or_default();
    let health = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let bytes = [shot.payload.as_slice(), health.as_bytes()].concat();
    write(shot, &bytes, AfterWrite::Wait, true).await
}

/// A limit that answers hides what is tested, unless it is what the attack is about.
pub(super) fn refuse_if_held_back(attack: &Attack, seen: &Seen) -> Result<(), AttackError> {
    let limits = ["rate_limited", "daily_quota_exceeded", "monthly_quota_exceeded", "voice_busy"];
    let named = |code: &str| {
        attack.answers.as_slice().iter().any(|allowed| allowed.to_string().ends_with(code))
    };
    let codes = seen.answers.iter().filter_map(Answered::code);
    match codes.into_iter().find(|code| limits.contains(&code.as_str()) && !named(code)) {
        Some(code) => Err(AttackError::HeldBack { attack: attack.name.clone(), code }),
        None => Ok(()),
    }
}
