//! Spoken questions, and transcriptions alone. A recording is stored, transcribed and read; recording, transcript and job
//! are deleted however it ends (`Stored`). A spoken question then goes the way of a typed one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use time::OffsetDateTime;

use crate::app::caller::Caller;
use crate::app::charged::{self, Priced, charged};
use crate::app::error::{AppError, AppResult, InputError};
use crate::app::query::{Answered, UsageFigures, counters, figures, work_out};
use crate::clock;
use crate::context::{Deadline, dependency};
use crate::domain::audio::{AUDIO_BYTES_MAX, AudioType, NotAudio};
use crate::domain::cost::{self, CostLine};
use crate::domain::question::{NotAQuestion, Question};
use crate::domain::quota::{Operation, day_of};
use crate::domain::transcript::{self, TRANSCRIPT_BYTES_MAX};
use crate::ports::{Dependency, PortError, PortErrorKind, Transcription};
use crate::state::App;

mod stored;

use stored::Stored;

/// The first wait for a job; it doubles up to [`LOOK_AFTER_MAX`]. The service takes 20 looks a second of a whole account.
const LOOK_AFTER: Duration = Duration::from_millis(100);

/// The longest wait between two looks.
const LOOK_AFTER_MAX: Duration = Duration::from_secs(1);

/// A recording as it was sent.
#[derive(Debug)]
pub struct SpokenCommand {
    /// Its type.
    pub content_type: String,
    /// Its bytes in base64.
    pub data: String,
}

/// What was said.
#[derive(Debug, Clone)]
pub struct Transcribed {
    /// The text, trimmed; never empty.
    pub text: String,
    /// The counters.
    pub usage: UsageFigures,
    /// What it cost.
    pub cost: Vec<CostLine>,
    /// When.
    pub at: OffsetDateTime,
}

impl Priced for Transcribed {
    fn cost(&self) -> &[CostLine] {
        &self.cost
    }
}

struct Recording {
    bytes: Bytes,
    length: Duration,
}

/// Answers a spoken question from the caller's own manuals.
pub async fn ask(app: &App, caller: &Caller, command: SpokenCommand) -> AppResult<Answered> {
    let audio = audio_type(&command)?;
    let _place = app.voice.enter().await?;
    let Recording { bytes, length } = check(caller, audio, command).await?;
    let held = app.quota.reserve(caller).await?;
    let until = clean_up_until(caller);
    // A deletion that hangs must not cost an answer that is ready: it ends before the work must.
    let meanwhile = until.earlier_by(charged::margin(caller.deadline));
    let mut stored = Stored::new(app, caller, audio);
    let work = async {
        let text = listen(app, bytes, &mut stored).await?;
        let question = Question::parse(&text).map_err(not_a_question)?;
        // What was heard is needed no more: it is deleted while the answer is worked out.
        let (worked, ()) =
            tokio::join!(work_out(app, caller, &question), stored.clean_up(meanwhile));
        let mut worked = worked?;
        worked.answered.cost.insert(0, cost::of_transcription(length));
        Ok(worked)
    };
    let worked = charged(held, caller, Operation::Query, work).await;
    stored.clean_up(until).await;
    Ok(worked?.remember(app).await)
}

/// Writes down what was said.
pub async fn transcribe(
    app: &App,
    caller: &Caller,
    command: SpokenCommand,
) -> AppResult<Transcribed> {
    let audio = audio_type(&command)?;
    let _place = app.voice.enter().await?;
    let Recording { bytes, length } = check(caller, audio, command).await?;
    let held = app.quota.reserve(caller).await?;
    let until = clean_up_until(caller);
    let mut stored = Stored::new(app, caller, audio);
    let work = async {
        let at = app.clock.now();
        let today = day_of(at);
        let heard = listen(app, bytes, &mut stored);
        let (text, snapshot) = tokio::try_join!(heard, counters(app, caller, &today))?;
        if text.is_empty() {
            return Err(AppError::Input(InputError::NoSpeech));
        }
        let usage = figures(app, &snapshot, &today);
        Ok(Transcribed { text, usage, cost: vec![cost::of_transcription(length)], at })
    };
    let transcribed = charged(held, caller, Operation::Transcribe, work).await;
    stored.clean_up(until).await;
    transcribed
}

/// Until when a call cleans up itself: shortly before its deadline, at which its answer would be cut off.
fn clean_up_until(caller: &Caller) -> Deadline {
    caller.deadline.earlier_by(charged::margin(caller.deadline) / 4)
}

fn audio_type(command: &SpokenCommand) -> AppResult<AudioType> {
    let audio = AudioType::of_content_type(&command.content_type);
    audio.ok_or(AppError::Input(InputError::AudioType))
}

fn not_a_question(error: NotAQuestion) -> AppError {
    AppError::Input(match error {
        NotAQuestion::Empty => InputError::NoSpeech,
        NotAQuestion::TooLong | NotAQuestion::ControlCharacter => InputError::Question(error),
    })
}

/// Decodes and reads the recording, on a thread that may block (some megabytes are work), within the deadline.
async fn check(caller: &Caller, audio: AudioType, command: SpokenCommand) -> AppResult<Recording> {
    let reading = tokio::task::spawn_blocking(move || read(audio, &command.data));
    let read = caller.deadline.bound(reading).await.map_err(AppError::Deadline)?;
    // The thread can end before its work only by a panic over these bytes: they are what cannot be read.
    let panicked = |error| Err(InputError::Audio(NotAudio::unreadable(error)));
    read.unwrap_or_else(panicked).map_err(AppError::Input)
}

fn read(audio: AudioType, data: &str) -> Result<Recording, InputError> {
    let bytes = Bytes::from(STANDARD.decode(data.trim()).map_err(InputError::Base64)?);
    if bytes.is_empty() {
        Err(InputError::EmptyFile)
    } else if bytes.len() > AUDIO_BYTES_MAX {
        Err(InputError::AudioTooLarge)
    } else {
        let length = audio.length(&bytes).map_err(InputError::Audio)?;
        Ok(Recording { bytes, length })
    }
}

/// Has a recording transcribed, and holds its bytes no longer than until they are stored. Whatever comes of it, `stored`
/// knows what has to be deleted.
async fn listen(app: &App, bytes: Bytes, stored: &mut Stored) -> AppResult<String> {
    let job = stored.recording_is_put();
    let put = app.ports.audio.put(&job.audio_key, job.audio.content_type(), bytes).await;
    put.map_err(AppError::Port)?;
    stored.job_is_started();
    app.ports.transcriber.start(&job).await.map_err(AppError::Port)?;
    ended(app, &job.name).await?;
    stored.job_has_ended();
    let transcript = app.ports.audio.get(&job.transcript_key, TRANSCRIPT_BYTES_MAX).await;
    transcript::text(&transcript.map_err(AppError::Port)?).map_err(|error| {
        AppError::Port(PortError {
            source: Some(Box::new(error)),
            ..PortError::new(Dependency::Transcriber, "transcript", PortErrorKind::Corrupt)
        })
    })
}

/// Waits for the end of a job, as long as the deadline lets it.
async fn ended(app: &App, name: &str) -> AppResult<()> {
    let failed = |kind| AppError::Port(PortError::new(Dependency::Transcriber, "job", kind));
    let mut pause = LOOK_AFTER;
    loop {
        dependency(clock::pause(pause.mul_f64(f64::midpoint(1.0, rand::random::<f64>())))).await;
        match app.ports.transcriber.status(name).await.map_err(AppError::Port)? {
            Transcription::Running => pause = (pause * 2).min(LOOK_AFTER_MAX),
            Transcription::Done => return Ok(()),
            Transcription::Unreadable => {
                let error = NotAudio::unreadable("the transcriber cannot read it");
                return Err(AppError::Input(InputError::Audio(error)));
            }
            Transcription::Failed => return Err(failed(PortErrorKind::Unavailable)),
        }
    }
}
