//! What the backend keeps: emulated here, or somebody else's behind a hop of ours each.
use std::sync::Arc;

use super::Starting;
use crate::dynamodb::Proxy;
use crate::external::{self, External, Hop, Made};
use crate::options::{Options, StartError};
use crate::s3;
use crate::sns::Sns;
use crate::sqs::Sqs;
use crate::template::{QueueSpec, Template};
use crate::wire::Protocol;

impl Starting {
    /// Tables, objects and what else the backend keeps: emulated, or somebody else's; then also what was made there.
    pub(super) async fn stores(
        &mut self,
        options: &Options,
        stores: &Template,
        hmac: (&str, &str),
    ) -> Result<(Option<Made>, s3::store::S3Store), StartError> {
        if let Some(external) = options.external {
            let made = external::set_up(external, (&options.region, stores), hmac).await;
            let made = made.map_err(StartError::External)?;
            let store = self.external(external, &options.region).await?;
            return Ok((Some(made), store));
        }
        self.dynamodb(stores).await?;
        Ok((None, self.s3(options, stores).await?))
    }

    /// Emulated queues and topics.
    pub(super) async fn messages(
        &mut self,
        sqs: &Arc<Sqs>,
        sns: &Arc<Sns>,
        queues: &[QueueSpec],
    ) -> Result<Made, StartError> {
        sqs.serve_at(&self.json(Arc::new(Arc::clone(sqs)), None).await?);
        self.json(Arc::new(Arc::clone(sns)), None).await?;
        let queues = queues.iter().map(|queue| (queue.logical_id.clone(), sqs.url(&queue.name)));
        Ok(Made { queues: queues.collect(), topics: sns.arns() })
    }

    /// A hop before each service that is somebody else's.
    async fn external(
        &mut self,
        external: External,
        region: &str,
    ) -> Result<s3::store::S3Store, StartError> {
        let proxy = Proxy::new(external.dynamodb, self.verifier("dynamodb"), self.shared.clone());
        let stats = proxy.stats();
        self.serve("dynamodb", proxy, stats).await?;
        let hops = [
            ("s3", None),
            ("sqs", Some(Protocol::AwsJson10)),
            ("sns", Some(Protocol::AwsQuery)),
            ("secretsmanager", Some(Protocol::AwsJson11)),
        ];
        for (name, protocol) in hops {
            let planes = (self.injector.clone(), self.shared.clone());
            let hop = Hop::new(name, protocol, external.localstack, planes);
            let stats = hop.stats();
            self.serve(name, hop, stats).await?;
        }
        Ok(s3::store::S3Store::Remote(s3::Remote::new(external.localstack, region)))
    }
}
