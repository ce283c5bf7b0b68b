//! A function's environment, as Lambda sets it (Lambda developer guide, "Defined runtime environment variables"), over
//! the variables of the stage.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::function::Function;

/// What differs from sandbox to sandbox.
#[derive(Debug)]
pub(super) struct Sandbox<'a> {
    pub(super) function: Function,
    pub(super) api: SocketAddr,
    pub(super) ordinal: u64,
    pub(super) memory_mib: u64,
    pub(super) task_root: &'a str,
}

/// `stage` with what Lambda sets; Lambda wins, for a function cannot set its reserved names.
pub(super) fn variables(
    sandbox: &Sandbox<'_>,
    stage: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let name = sandbox.function.name();
    let mut variables = stage.clone();
    // There is no port of its own in a function.
    variables.remove("BIND_ADDRESS");
    let region = stage.get("AWS_REGION").cloned().unwrap_or_default();
    variables.extend(
        [
            ("AWS_LAMBDA_RUNTIME_API", sandbox.api.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", sandbox.memory_mib.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
            ("AWS_LAMBDA_LOG_STREAM_NAME", format!("[$LATEST]{:032x}", sandbox.ordinal)),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023".to_owned()),
            ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR".to_owned()),
            // No daemon listens there (port 9 is discard), as on a function without active tracing nobody is asked.
            ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:9".to_owned()),
            ("LAMBDA_TASK_ROOT", sandbox.task_root.to_owned()),
            ("LAMBDA_RUNTIME_DIR", sandbox.task_root.to_owned()),
            ("_HANDLER", "bootstrap".to_owned()),
            ("TZ", ":UTC".to_owned()),
            ("LANG", "en_US.UTF-8".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_sees_lambda_and_the_stage() {
        let stage = [
            ("AWS_REGION", "eu-west-1"),
            ("BIND_ADDRESS", "127.0.0.1:0"),
            ("USAGE_TABLE", "usage"),
            ("_HANDLER", "mine"),
        ];
        let stage = stage.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let sandbox = Sandbox {
            function: Function::ErrorProcessor,
            api: "127.0.0.1:4242".parse().unwrap(),
            ordinal: 3,
            memory_mib: 512,
            task_root: "/run",
        };
        let seen = variables(&sandbox, &stage);
        for (name, value) in [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:4242"),
            ("AWS_LAMBDA_FUNCTION_NAME", "error-processor"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/error-processor"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
            ("USAGE_TABLE", "usage"),
            ("_HANDLER", "bootstrap"),
            ("TZ", ":UTC"),
        ] {
            assert_eq!(seen.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!seen.contains_key("BIND_ADDRESS"));
        assert_ne!(
            seen["AWS_LAMBDA_LOG_STREAM_NAME"],
            variables(&Sandbox { ordinal: 4, ..sandbox }, &stage)["AWS_LAMBDA_LOG_STREAM_NAME"]
        );
    }
}
