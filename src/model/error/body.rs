//! One classifier for the error bodies of all servers, whatever their wire. Pure.

use std::time::Duration;

use serde_json::Value;

use crate::model::{error::Cause, retry};

/// What an error body means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub cause: Cause,
    /// The server's own words, as they came: they may quote keys and prompts.
    pub said: String,
    pub retry_after: Option<Duration>,
}

/// Whether a 200 body, or an event, carries an error.
pub fn is_error(body: &Value) -> bool {
    let body = first(body);
    body.get("error").is_some_and(|error| !error.is_null()) || body["object"] == "error" || body["type"] == "error"
}

/// Judges the body of an answer with this status; 200 for errors inside a stream.
pub fn judge(status: u16, body: &str) -> Verdict {
    let value: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let value = first(&value);
    let error = &value["error"];
    let candidates = [
        error,
        &error["message"],
        &value["message"],
        &value["detail"],
        &value["detail"][0]["msg"],
        &value["error_description"],
    ];
    let said = candidates.into_iter().map(word).find(|said| !said.is_empty());
    let said = said.unwrap_or_else(|| if value.is_null() { page(body) } else { String::new() });
    let tags = [error, value].map(|place| ["code", "type", "status"].map(|key| word(&place[key])).join(" ")).join(" ");
    let tags = format!("{tags} {}", word(&error["metadata"]["error_type"])).to_lowercase();
    let delay = error["details"]
        .as_array()
        .into_iter()
        .flatten()
        .find_map(|detail| retry::retry_delay(detail["retryDelay"].as_str()?));
    // Servers on FastAPI name it as the last part of its place.
    let place = value["detail"][0]["loc"].as_array().and_then(|place| place.last()?.as_str());
    let parameter = error["param"].as_str().or(place).map(str::to_owned);
    let tags = match error["metadata"]["reasons"].is_array() {
        // OpenRouter's word for a prompt that a filter refused.
        true => format!("{tags} content_policy"),
        false => tags,
    };
    Verdict { cause: cause(status, &tags, &said.to_lowercase(), parameter), said, retry_after: delay }
}

fn cause(status: u16, tags: &str, said: &str, parameter: Option<String>) -> Cause {
    let tagged = |names: &[&str]| names.iter().any(|name| tags.contains(name));
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| said.contains(phrase));
    // An error inside a stream has no status of its own; several servers put it into `code`.
    let status = match status {
        200 => tags.split(' ').find_map(|tag| tag.parse().ok()).unwrap_or(200),
        status => status,
    };
    let is_plain_refusal = matches!(status, 200 | 400 | 413 | 422);
    if tagged(&["context_length_exceeded", "context_window_exceeded", "exceed_context_size"])
        || is_plain_refusal
            && says(&[
                "context length",
                "context size",
                "context window",
                "context limit",
                "prompt is too long",
                "maximum context",
            ])
    {
        Cause::TooLong
    } else if status == 402
        || tagged(&[
            "insufficient_quota",
            "billing_not_active",
            "billing_hard_limit_reached",
            "billing_error",
            "insufficient_credits",
        ])
        || is_plain_refusal && says(&["credit balance is too low", "api usage limits"])
    {
        Cause::Quota
    } else if tagged(&["invalid_api_key", "authentication_error", "permission_error"])
        // The last is LiteLLM's, which looks for a key that isn't its own in the database that it may have.
        || is_plain_refusal && says(&["api key not valid", "api key expired", "no connected db"])
    {
        Cause::Auth
    } else if status == 429 || tagged(&["rate_limit", "resource_exhausted"]) {
        Cause::RateLimit
    } else if matches!(status, 503 | 529) || tagged(&["overloaded"]) {
        Cause::Overloaded
    } else if tagged(&["content_filter", "content_policy"]) {
        Cause::Filtered
    } else if tagged(&["model_not_found", "not_found_error"]) {
        Cause::NotFound
    } else if is_plain_refusal && says(&["maximum allowed number of output tokens", "_tokens is too large"]) {
        smallest_number(said).map_or(Cause::Rejected, Cause::OutputLimit)
    } else if status == 400 && tagged(&["invalid_request_error"]) && says(&["thinking"]) && parameter.is_none() {
        Cause::UnsupportedParameter(Some("thinking".to_owned()))
    } else if matches!(status, 400 | 422 | 500) && says(&["system role not supported", "system role is not supported"])
    {
        Cause::UnsupportedParameter(Some("system".to_owned()))
    } else if is_plain_refusal
        && (tagged(&["unsupported_parameter"])
            || says(&["unsupported parameter", "unrecognized request argument", "extra inputs are not permitted"]))
    {
        Cause::UnsupportedParameter(parameter)
    } else if says(&["requires more system memory"]) {
        // Ollama's word is that of a failure in passing, but no second try makes room.
        Cause::Rejected
    } else {
        match status {
            401 | 403 => Cause::Auth,
            404 => Cause::NotFound,
            413 => Cause::TooLong,
            // Both mean "not now": the server waited too long, or was asked twice at once.
            408 | 409 => Cause::Server,
            500.. => Cause::Server,
            // No status to go by: inside a stream, a failure of the server is likelier than a fault of a request it had accepted.
            200 => Cause::Server,
            _ => Cause::Rejected,
        }
    }
}

/// The smallest of the numbers in a text that could be a limit: the one that was asked for is larger.
fn smallest_number(text: &str) -> Option<u64> {
    const LEAST: u64 = 256;
    let numbers = text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    numbers.filter(|number| *number >= LEAST).min()
}

/// Gemini wraps its errors in an array.
fn first(value: &Value) -> &Value {
    value.as_array().and_then(|array| array.first()).unwrap_or(value)
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A body that is no JSON error: a gateway's page by its title, else the text itself.
fn page(body: &str) -> String {
    let body = body.trim();
    let lower = body.to_ascii_lowercase();
    if !lower.starts_with('<') {
        return body.to_owned();
    }
    // ASCII lower case keeps every byte's place.
    let title = lower.find("<title>").map(|start| start + "<title>".len());
    let title = title.and_then(|start| lower[start..].find("</title>").map(|end| body[start..start + end].trim()));
    title.filter(|title| !title.is_empty()).unwrap_or("an HTML page").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialect_is_understood() {
        let unsupported = |name: &str| Cause::UnsupportedParameter(Some(name.to_owned()));
        for (status, body, cause, said) in [
            // llama.cpp
            (
                400,
                r#"{"error":{"code":400,"message":"request (4031 tokens) exceeds the available context size (2048 tokens)","type":"exceed_context_size_error","n_ctx":2048}}"#,
                Cause::TooLong,
                "request (4031 tokens)",
            ),
            // LM Studio, inside the stream
            (
                200,
                r#"{"error":{"message":"The number of tokens to keep is greater than the context length."}}"#,
                Cause::TooLong,
                "The number",
            ),
            // vLLM, old and new
            (
                400,
                r#"{"object":"error","message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}"#,
                Cause::TooLong,
                "This model's",
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 4096 tokens.","type":"BadRequestError","code":400}}"#,
                Cause::TooLong,
                "This model's",
            ),
            (
                404,
                r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#,
                Cause::NotFound,
                "The model",
            ),
            (422, r#"{"detail":[{"loc":["body"],"msg":"Field required"}]}"#, Cause::Rejected, "Field required"),
            (200, r#"{"object":"error","message":"out of memory","code":500}"#, Cause::Server, "out of memory"),
            (
                400,
                r#"{"object":"error","message":"System role not supported","type":"BadRequestError","code":400}"#,
                unsupported("system"),
                "System role",
            ),
            // Mistral
            (
                422,
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}"#,
                unsupported("stream_options"),
                "Extra inputs",
            ),
            // Anthropic
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 208310 tokens > 200000 maximum"}}"#,
                Cause::TooLong,
                "prompt is too long",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"max_tokens: 32000 > 8192, which is the maximum allowed number of output tokens for x"}}"#,
                Cause::OutputLimit(8192),
                "max_tokens",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
                Cause::Quota,
                "Your credit",
            ),
            (
                400,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"\"thinking.type.disabled\" is not supported for this model"}}"#,
                unsupported("thinking"),
                "\"thinking",
            ),
            (
                401,
                r#"{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}"#,
                Cause::Auth,
                "invalid",
            ),
            (
                200,
                r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#,
                Cause::RateLimit,
                "slow",
            ),
            (
                529,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#,
                Cause::Overloaded,
                "Overloaded",
            ),
            // Gemini
            (
                429,
                r#"[{"error":{"code":429,"message":"Resource has been exhausted","status":"RESOURCE_EXHAUSTED"}}]"#,
                Cause::RateLimit,
                "Resource",
            ),
            (
                400,
                r#"[{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT"}}]"#,
                Cause::Auth,
                "API key",
            ),
            // OpenAI
            (
                400,
                r#"{"error":{"message":"max_tokens is too large: 99999. This model supports at most 16384 completion tokens","param":"max_tokens"}}"#,
                Cause::OutputLimit(16384),
                "max_tokens",
            ),
            (
                429,
                r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}"#,
                Cause::Quota,
                "You exceeded",
            ),
            (
                400,
                r#"{"error":{"message":"Unsupported parameter: 'max_tokens'","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#,
                unsupported("max_tokens"),
                "Unsupported",
            ),
            (
                400,
                r#"{"error":{"message":"No connected db.","type":"no_db_connection","param":null,"code":"400"}}"#,
                Cause::Auth,
                "No connected db",
            ),
            (
                401,
                r#"{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}"#,
                Cause::Auth,
                "Incorrect",
            ),
            // Azure
            (
                400,
                r#"{"error":{"message":"The response was filtered","param":"prompt","code":"content_filter","status":400}}"#,
                Cause::Filtered,
                "The response",
            ),
            // OpenRouter, inside the stream
            (
                200,
                r#"{"error":{"code":429,"message":"Rate limit exceeded","metadata":{"error_type":"rate_limit_exceeded"}}}"#,
                Cause::RateLimit,
                "Rate limit",
            ),
            (200, r#"{"error":{"code":402,"message":"Insufficient credits"}}"#, Cause::Quota, "Insufficient"),
            (
                403,
                r#"{"error":{"code":403,"message":"flagged","metadata":{"reasons":["x"]}}}"#,
                Cause::Filtered,
                "flagged",
            ),
            // Ollama, mlx-lm
            (
                500,
                r#"{"error":"model requires more system memory (5.6 GiB) than is available (3.2 GiB)"}"#,
                Cause::Rejected,
                "model requires",
            ),
            (200, r#"{"error":"an error was encountered while running the model"}"#, Cause::Server, "an error"),
            (404, r#"{"error":"model 'x' not found"}"#, Cause::NotFound, "model 'x' not found"),
            (422, r#"{"detail":"Unprocessable"}"#, Cause::Rejected, "Unprocessable"),
            // Gateways and nonsense
            (502, "<html><head><title>502 Bad Gateway</title></head></html>", Cause::Server, "502 Bad Gateway"),
            (502, "<!DOCTYPE html><p>oops", Cause::Server, "an HTML page"),
            (500, "", Cause::Server, ""),
            (503, "upstream connect error", Cause::Overloaded, "upstream"),
            (408, "{}", Cause::Server, ""),
            (418, "null", Cause::Rejected, "null"),
            (400, r#"{"error":[1,{"x":null}]}"#, Cause::Rejected, ""),
        ] {
            let verdict = judge(status, body);
            assert_eq!(verdict.cause, cause, "{body}");
            assert!(verdict.said.starts_with(said), "{body}: {}", verdict.said);
        }
    }

    #[test]
    fn a_retry_delay_is_found() {
        let body = r#"[{"error":{"code":429,"details":[{"@type":"x"},{"@type":"RetryInfo","retryDelay":"2.5s"}]}}]"#;
        assert_eq!(judge(429, body).retry_after, Some(Duration::from_millis(2500)));
    }
}
