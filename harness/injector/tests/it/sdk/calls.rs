//! One call of each operation by which errors are provoked, by the official SDK.
use std::fmt::Debug;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// What the SDK made of an answer.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) code: Option<String>,
    /// Whether it is a variant of the operation's error, not `Unhandled`.
    pub(super) typed: bool,
    pub(super) status: Option<u16>,
    pub(super) text: String,
}

/// A client's settings: three attempts, hardly any back-off, one bucket of retry tokens for each endpoint.
fn config(url: &str) -> SdkConfig {
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(
            Credentials::for_tests(),
        ))
        .retry_config(
            RetryConfig::standard()
                .with_initial_backoff(Duration::from_millis(1))
                .with_max_backoff(Duration::from_millis(2)),
        )
        .sleep_impl(aws_smithy_async::rt::sleep::SharedAsyncSleep::new(
            aws_smithy_async::rt::sleep::TokioSleep::new(),
        ))
        .time_source(aws_smithy_async::time::SystemTimeSource::new())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        // The bucket of retry tokens is shared by whoever has the same partition: one for each call here.
        .build()
}

fn told<T: Debug, E: Debug + ProvideErrorMetadata>(
    result: Result<T, SdkError<E, HttpResponse>>,
) -> Told {
    let error = result.expect_err("every answer is an error");
    let status = error.raw_response().map(|answer| answer.status().as_u16());
    let code = error.code().map(str::to_owned);
    let text = format!("{error:?}");
    let typed = error.as_service_error().is_some_and(|error| {
        let text = format!("{error:?}");
        !text.starts_with("Unhandled")
    });
    Told { code, typed, status, text }
}

/// Calls `operation` of `service` at `url`, fresh in everything.
pub(super) async fn call(service: &str, operation: &str, url: &str) -> Told {
    let config = config(url);
    match service {
        "dynamodb" => dynamodb(operation, &config).await,
        "s3" => s3(operation, &config).await,
        "bedrock-runtime" => bedrock_runtime(operation, &config).await,
        "bedrock-agent-runtime" => {
            let client = aws_sdk_bedrockagentruntime::Client::new(&config);
            let query = aws_sdk_bedrockagentruntime::types::KnowledgeBaseQuery::builder();
            let query = query.text("how?").build();
            told(
                client
                    .retrieve()
                    .knowledge_base_id("KB12345678")
                    .retrieval_query(query)
                    .send()
                    .await,
            )
        }
        "bedrock-agent" => {
            let client = aws_sdk_bedrockagent::Client::new(&config);
            let job = client.start_ingestion_job();
            told(job.knowledge_base_id("KB12345678").data_source_id("DS12345678").send().await)
        }
        "transcribe" => transcribe(operation, &config).await,
        "cognito-idp" => cognito(operation, &config).await,
        "sqs" => sqs(operation, &config).await,
        "sns" => {
            let client = aws_sdk_sns::Client::new(&config);
            let topic = "arn:aws:sns:eu-west-1:123456789012:alerts";
            told(client.publish().topic_arn(topic).message("m").send().await)
        }
        "secretsmanager" => {
            let client = aws_sdk_secretsmanager::Client::new(&config);
            told(client.get_secret_value().secret_id("s").send().await)
        }
        other => panic!("no call of {other}"),
    }
}

async fn dynamodb(operation: &str, config: &SdkConfig) -> Told {
    use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};
    let client = aws_sdk_dynamodb::Client::new(config);
    let key = || AttributeValue::S("k".to_owned());
    match operation {
        "UpdateItem" => told(client.update_item().table_name("t").key("pk", key()).send().await),
        "DeleteItem" => told(client.delete_item().table_name("t").key("pk", key()).send().await),
        "BatchWriteItem" => {
            let put = aws_sdk_dynamodb::types::PutRequest::builder().item("pk", key()).build();
            let put = aws_sdk_dynamodb::types::WriteRequest::builder().put_request(put.unwrap());
            told(client.batch_write_item().request_items("t", vec![put.build()]).send().await)
        }
        "TransactWriteItems" => {
            let put = Put::builder().table_name("t").item("pk", key()).build().unwrap();
            let item = TransactWriteItem::builder().put(put).build();
            told(client.transact_write_items().transact_items(item).send().await)
        }
        other => panic!("no call of dynamodb:{other}"),
    }
}

async fn s3(operation: &str, config: &SdkConfig) -> Told {
    let config = aws_sdk_s3::config::Builder::from(config).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    match operation {
        "PutObject" => {
            let body = aws_sdk_s3::primitives::ByteStream::from_static(b"x");
            told(client.put_object().bucket("b").key("k").body(body).send().await)
        }
        "GetObject" => told(client.get_object().bucket("b").key("k").send().await),
        "HeadObject" => told(client.head_object().bucket("b").key("k").send().await),
        "CopyObject" => {
            told(client.copy_object().bucket("b").key("k").copy_source("b/l").send().await)
        }
        other => panic!("no call of s3:{other}"),
    }
}

async fn bedrock_runtime(operation: &str, config: &SdkConfig) -> Told {
    use aws_sdk_bedrockruntime::types::{ContentBlock, ConversationRole, Message};
    let client = aws_sdk_bedrockruntime::Client::new(config);
    let message = Message::builder()
        .role(ConversationRole::User)
        .content(ContentBlock::Text("how?".to_owned()))
        .build()
        .unwrap();
    match operation {
        "Converse" => told(client.converse().model_id("m").messages(message).send().await),
        "InvokeModel" => {
            let call = client.invoke_model().model_id("m").body(Blob::new(b"{}".to_vec()));
            told(call.send().await)
        }
        "ConverseStream" => {
            let call = client.converse_stream().model_id("m").messages(message).send().await;
            match call {
                Err(error) => told::<(), _>(Err(error)),
                Ok(mut output) => {
                    let error = output.stream.recv().await.expect_err("the stream is an exception");
                    let text = format!("{error:?}");
                    let typed = error
                        .as_service_error()
                        .is_some_and(|error| !format!("{error:?}").starts_with("Unhandled"));
                    Told { code: None, typed, status: None, text }
                }
            }
        }
        other => panic!("no call of bedrock-runtime:{other}"),
    }
}

async fn transcribe(operation: &str, config: &SdkConfig) -> Told {
    let client = aws_sdk_transcribe::Client::new(config);
    match operation {
        "StartTranscriptionJob" => {
            let media = aws_sdk_transcribe::types::Media::builder().media_file_uri("s3://b/k");
            let job = client.start_transcription_job().transcription_job_name("j");
            told(job.media(media.build()).send().await)
        }
        "GetTranscriptionJob" => {
            told(client.get_transcription_job().transcription_job_name("j").send().await)
        }
        other => panic!("no call of transcribe:{other}"),
    }
}

async fn cognito(operation: &str, config: &SdkConfig) -> Told {
    use aws_sdk_cognitoidentityprovider::types::AuthFlowType;
    let client = aws_sdk_cognitoidentityprovider::Client::new(config);
    match operation {
        "InitiateAuth" => {
            let call =
                client.initiate_auth().client_id("c").auth_flow(AuthFlowType::UserPasswordAuth);
            told(call.send().await)
        }
        "AdminSetUserPassword" => {
            let call = client.admin_set_user_password().user_pool_id("eu-west-1_a").username("u");
            told(call.password("p").send().await)
        }
        other => panic!("no call of cognito-idp:{other}"),
    }
}

async fn sqs(operation: &str, config: &SdkConfig) -> Told {
    let client = aws_sdk_sqs::Client::new(config);
    let queue = "http://127.0.0.1/123456789012/q";
    match operation {
        "SendMessage" => {
            told(client.send_message().queue_url(queue).message_body("m").send().await)
        }
        "ReceiveMessage" => told(client.receive_message().queue_url(queue).send().await),
        other => panic!("no call of sqs:{other}"),
    }
}
