//! The XML of the query protocol, and the codes that it has where JSON protocols have names of
//! exceptions.
use serde_json::Value;

/// `<OperationResponse><OperationResult>…</OperationResult>…`.
pub(super) fn answer(namespace: &str, operation: &str, id: &str, output: &Value) -> String {
    let mut xml = String::new();
    element(&mut xml, &format!("{operation}Result"), output);
    format!(
        "<{operation}Response xmlns=\"{namespace}\">{xml}<ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></{operation}Response>"
    )
}

/// `<ErrorResponse>`, whose type says whose fault it was.
pub(super) fn error(
    namespace: &str,
    id: &str,
    status: u16,
    (code, message): (&str, &str),
) -> String {
    let fault = if status < 500 { "Sender" } else { "Receiver" };
    let (code, message) = (escaped(code_of_query(code)), escaped(message));
    format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>{id}</RequestId></ErrorResponse>"
    )
}

/// An array repeats its element: a list is `{"member": […]}`, a map `{"entry": […]}`.
fn element(xml: &mut String, name: &str, value: &Value) {
    if let Value::Array(values) = value {
        for value in values {
            element(xml, name, value);
        }
        return;
    }
    xml.extend(["<", name, ">"]);
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                element(xml, name, value);
            }
        }
        Value::String(text) => xml.push_str(&escaped(text)),
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) | Value::Array(_) => xml.push_str(&value.to_string()),
    }
    xml.extend(["</", name, ">"]);
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Line breaks survive a parser's normalisation as references only.
            '\r' => out.push_str("&#xD;"),
            _ => out.push(letter),
        }
    }
    out
}

/// The platform's errors as the query protocol names them; a service's own are named as they are.
fn code_of_query(code: &str) -> &str {
    match code {
        "AccessDeniedException" => "AuthorizationError",
        "IncompleteSignatureException" => "IncompleteSignature",
        "InvalidSignatureException" => "SignatureDoesNotMatch",
        "MissingAuthenticationTokenException" => "MissingAuthenticationToken",
        "RequestEntityTooLargeException" => "RequestEntityTooLarge",
        "SerializationException" => "MalformedInput",
        "UnknownOperationException" => "InvalidAction",
        "UnrecognizedClientException" => "InvalidClientTokenId",
        other => other,
    }
}

/// What SQS's query API called the errors that its JSON API has: `awsQueryError` in its model.
pub(super) fn code_of_sqs(code: &str) -> String {
    match code {
        "AccessDeniedException" => "AccessDenied".to_owned(),
        "QueueDoesNotExist" => "AWS.SimpleQueueService.NonExistentQueue".to_owned(),
        "InvalidParameterValueException" => "InvalidParameterValue".to_owned(),
        "MissingRequiredParameterException" => "MissingParameter".to_owned(),
        "BatchEntryIdsNotDistinct"
        | "BatchRequestTooLong"
        | "EmptyBatchRequest"
        | "InvalidBatchEntryId"
        | "MessageNotInflight"
        | "PurgeQueueInProgress"
        | "TooManyEntriesInBatchRequest"
        | "UnsupportedOperation" => format!("AWS.SimpleQueueService.{code}"),
        other => code_of_query(other).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{answer, code_of_sqs, error};

    #[test]
    fn arrays_repeat_their_element_and_text_is_escaped() {
        let output = json!({"Attributes": {"entry": [{"key": "a", "value": "<&>"}]}, "N": 1});
        assert_eq!(
            answer("urn:x", "Get", "id", &output),
            "<GetResponse xmlns=\"urn:x\"><GetResult><Attributes><entry><key>a</key><value>&lt;&amp;&gt;</value></entry></Attributes><N>1</N></GetResult><ResponseMetadata><RequestId>id</RequestId></ResponseMetadata></GetResponse>"
        );
    }

    #[test]
    fn errors_name_the_one_at_fault() {
        let xml = error("urn:x", "id", 403, ("InvalidSignatureException", "no"));
        assert!(xml.contains("<Type>Sender</Type><Code>SignatureDoesNotMatch</Code>"), "{xml}");
        let xml = error("urn:x", "id", 500, ("InternalError", "no"));
        assert!(xml.contains("<Type>Receiver</Type><Code>InternalError</Code>"), "{xml}");
    }

    #[test]
    fn sqs_keeps_the_codes_of_its_query_api() {
        let missing = code_of_sqs("QueueDoesNotExist");
        assert_eq!(missing, "AWS.SimpleQueueService.NonExistentQueue");
        assert_eq!(code_of_sqs("RequestThrottled"), "RequestThrottled");
        assert_eq!(code_of_sqs("UnrecognizedClientException"), "InvalidClientTokenId");
    }
}
