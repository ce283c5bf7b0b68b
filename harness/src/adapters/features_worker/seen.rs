//! The answer that a person last had, and typed looks at it.

use manuel_client::Exchange;
use manuel_client::Request;
use manuel_client::SignatureHeaders;
use manuel_client::answers::ErrorAnswer;
use manuel_client::answers::QueryAnswer;
use manuel_client::answers::UsageFigures;
use manuel_client::contract::Parsed;
use manuel_client::contract::is_from_edge;

use super::outcome::StepError;
use super::outcome::StepResult;

/// Longest piece of a body in a message.
const SHOWN: usize = 300;

/// An answer that keeps the contract.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What was asked.
    pub request: Request,
    /// What came back.
    pub exchange: Exchange,
    /// Its body.
    pub parsed: Parsed,
    /// The signature that was sent, for a replay.
    pub signature: Option<SignatureHeaders>,
}

impl Seen {
    /// In a sentence: status, and code or the begin of the body.
    pub fn summary(&self) -> String {
        let status = self.exchange.status;
        match &self.parsed {
            Parsed::Error(error) => format!("{status} `{}`: {}", error.code, error.error),
            Parsed::Query(query) => {
                let sources: Vec<String> = query
                    .sources
                    .iter()
                    .map(|source| {
                        let page =
                            source.page_number.map_or("-".to_owned(), |page| page.to_string());
                        format!("{} p. {page}", source.manual_name)
                    })
                    .collect();
                format!("{status} \"{}\" citing [{}]", query.answer, sources.join(", "))
            }
            // Its URL lets whoever has it upload: a report says that there is one.
            Parsed::Announced(announced) => {
                format!(
                    "{status} a link for {} until {}",
                    announced.manual_id, announced.expires_at
                )
            }
            Parsed::Health(_)
            | Parsed::DeepHealth(_)
            | Parsed::Version(_)
            | Parsed::Transcribed(_)
            | Parsed::Uploaded(_)
            | Parsed::Manuals(_)
            | Parsed::Manual(_)
            | Parsed::Deleted
            | Parsed::Usage(_)
            | Parsed::Quota(_)
            | Parsed::IngestionStatus(_)
            | Parsed::IngestionJob(_)
            | Parsed::Raw => {
                let body = String::from_utf8_lossy(&self.exchange.body);
                format!("{status} {}", body.chars().take(SHOWN).collect::<String>())
            }
        }
    }

    /// A refusal.
    pub fn refusal(&self) -> StepResult<&ErrorAnswer> {
        let Parsed::Error(error) = &self.parsed else {
            return Err(StepError::broken("a refusal", self.summary()));
        };
        Ok(error)
    }

    /// A refusal of this status and code.
    pub fn refused_with(&self, status: u16, code: &str) -> StepResult<&ErrorAnswer> {
        let error = self.refusal()?;
        // Whoever is in front refuses in words of its own: a token for its shape, or what is too large. Its other refusals,
        // such as for a rate of its own, are none of Manuel's.
        let in_front = is_from_edge(&self.exchange)
            && (status == 413 || (code.starts_with("token_") && error.code.starts_with("token_")));
        if self.exchange.status == status && (error.code == code || in_front) {
            return Ok(error);
        }
        Err(StepError::broken(format!("{status} `{code}`"), self.summary()))
    }

    /// An answered question.
    pub fn answer(&self) -> StepResult<&QueryAnswer> {
        let Parsed::Query(query) = &self.parsed else {
            return Err(StepError::broken("an answer to the question", self.summary()));
        };
        Ok(query)
    }

    /// The figures that go with an answer.
    pub fn figures(&self) -> StepResult<UsageFigures> {
        if let Parsed::Query(query) = &self.parsed {
            Ok(query.usage)
        } else if let Parsed::Transcribed(transcribed) = &self.parsed {
            Ok(transcribed.usage)
        } else {
            Err(StepError::broken("an answer with usage figures", self.summary()))
        }
    }

    /// Any success.
    pub fn success(&self) -> StepResult<&Parsed> {
        if matches!(self.parsed, Parsed::Error(_)) {
            return Err(StepError::broken("a success", self.summary()));
        }
        Ok(&self.parsed)
    }
}
