//! The calls of deep health: each is free or nearly so, reads one thing of ours and changes nothing.

use crate::aws::error::port_error;
use crate::context::dependency;
use crate::ports::{Dependency, PortFuture, Probed, Probes};

/// What is asked, and where.
#[derive(Debug)]
pub(super) struct AwsProbes {
    pub(super) secrets: aws_sdk_secretsmanager::Client,
    pub(super) secret_id: Option<String>,
    pub(super) transcribe: aws_sdk_transcribe::Client,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) queue_url: Option<String>,
    pub(super) sns: aws_sdk_sns::Client,
    pub(super) topic_arn: Option<String>,
}

impl Probes for AwsProbes {
    fn secrets(&self) -> PortFuture<'_, Probed> {
        Box::pin(async move {
            let Some(id) = &self.secret_id else { return Ok(Probed::NotConfigured) };
            let asked = dependency(self.secrets.describe_secret().secret_id(id).send()).await;
            let failed = |error| port_error(Dependency::Secrets, "DescribeSecret", error);
            asked.map(|_secret| Probed::There).map_err(failed)
        })
    }

    fn transcriber(&self) -> PortFuture<'_, Probed> {
        Box::pin(async move {
            let call = self.transcribe.list_transcription_jobs().max_results(1);
            let asked = dependency(call.send()).await;
            let failed =
                |error| port_error(Dependency::Transcriber, "ListTranscriptionJobs", error);
            asked.map(|_jobs| Probed::There).map_err(failed)
        })
    }

    fn queue(&self) -> PortFuture<'_, Probed> {
        Box::pin(async move {
            let Some(url) = &self.queue_url else { return Ok(Probed::NotConfigured) };
            let asked = dependency(self.sqs.get_queue_attributes().queue_url(url).send()).await;
            let failed = |error| port_error(Dependency::Queue, "GetQueueAttributes", error);
            asked.map(|_attributes| Probed::There).map_err(failed)
        })
    }

    fn alerts(&self) -> PortFuture<'_, Probed> {
        Box::pin(async move {
            let Some(topic) = &self.topic_arn else { return Ok(Probed::NotConfigured) };
            let asked = dependency(self.sns.get_topic_attributes().topic_arn(topic).send()).await;
            let failed = |error| port_error(Dependency::Alerts, "GetTopicAttributes", error);
            asked.map(|_attributes| Probed::There).map_err(failed)
        })
    }
}
