//! What is left of recordings: objects in their bucket, and jobs of the transcriber.

use super::Stores;
use super::StoresError;

/// One place in which something of a recording is found.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Spoken {
    /// A recording or its transcript, by its key.
    Object(String),
    /// A job, by its name.
    Job(String),
}

impl Stores {
    /// Everything that is found of what the user `sub` said, in the calls of these request ids. The whole bucket is looked
    /// at: a recording that was put where it does not belong is left all the same.
    pub async fn spoken_of(
        &self,
        sub: &str,
        request_ids: &[String],
    ) -> Result<Vec<Spoken>, StoresError> {
        let is_theirs =
            |key: &String| key.contains(sub) || request_ids.iter().any(|id| key.contains(id));
        let keys = self.objects_below(&self.audio_bucket, sub, "").await?;
        let mut found: Vec<Spoken> =
            keys.into_keys().filter(is_theirs).map(Spoken::Object).collect();
        for id in request_ids {
            found.extend(self.jobs_of(sub, id).await?);
        }
        Ok(found)
    }

    /// Jobs whose name holds the request's id.
    async fn jobs_of(&self, sub: &str, request_id: &str) -> Result<Vec<Spoken>, StoresError> {
        let listed = self.transcribe.list_transcription_jobs().job_name_contains(request_id);
        let listed = listed.send().await.map_err(|source| StoresError::Read {
            what: "the jobs of the transcriber",
            user: sub.to_owned(),
            source: Box::new(source),
        })?;
        let names = listed.transcription_job_summaries().iter();
        let names = names.filter_map(|job| job.transcription_job_name());
        Ok(names.map(|name| Spoken::Job(name.to_owned())).collect())
    }
}
