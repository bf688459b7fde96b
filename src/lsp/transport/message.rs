//! Turns a body into messages for the service, or into the error that answers it.
//!
//! Refuses as little as possible: text that isn't Unicode is replaced, batches are taken apart, and an error carries the id
//! of its request where that can be told. What the parameters mean is no matter here.

use std::borrow::Cow;

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value};
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};
use tracing::warn;

use super::clean::clean;

/// More messages in one batch, which the protocol forbids anyway, are refused together.
const MAX_BATCH: usize = 1000;

#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// A request or a notification.
    Request(Request),
    /// The client's answer to one of our requests.
    Response(Response),
    /// No message; this is the answer.
    Refused(Response),
}

/// Reads a body. There is always at least one result.
pub fn parse(body: &[u8]) -> Vec<Incoming> {
    let mut messages = Vec::new();
    match decode(body) {
        Ok(Value::Array(batch)) if batch.is_empty() || batch.len() > MAX_BATCH => {
            messages.push(refuse(Id::Null, Error::invalid_request()));
        }
        Ok(Value::Array(batch)) => batch.into_iter().for_each(|value| classify(value, &mut messages)),
        Ok(value) => classify(value, &mut messages),
        Err(refused) => messages.push(refused),
    }
    messages
}

/// The answer to what isn't even a frame.
pub fn refuse_frame(reason: &'static str) -> Incoming {
    refuse(Id::Null, Error { message: reason.into(), ..Error::invalid_request() })
}

fn refuse(id: Id, error: Error) -> Incoming {
    Incoming::Refused(Response::from_error(id, error))
}

fn decode(body: &[u8]) -> Result<Value, Incoming> {
    let text = String::from_utf8_lossy(body);
    let json = text.trim_start_matches('\u{feff}');
    let (value, replaced) = match serde_json::from_str::<Value>(json) {
        Ok(value) => (value, matches!(text, Cow::Owned(_))),
        Err(error) => match serde_json::from_str(&mend_surrogates(json)) {
            Ok(value) => (value, true),
            Err(_) => {
                let message = format!("failed to read the message as JSON: {error}").into();
                return Err(refuse(recover_id(json), Error { message, ..Error::parse_error() }));
            }
        },
    };
    if replaced {
        let document = value.pointer("/params/textDocument/uri").and_then(Value::as_str).unwrap_or_default();
        warn!(document, "replaced what isn't Unicode by U+FFFD");
    }
    Ok(value)
}

/// The id of a request that is JSON but can't be held: nested too deeply, or with a number beyond all bounds.
/// A response's id must not be recovered: an answer with it would look like ours to another request.
fn recover_id(json: &str) -> Id {
    #[derive(Deserialize)]
    struct Envelope {
        id: Id,
        #[serde(rename = "method")]
        _method: IgnoredAny,
    }
    serde_json::from_str(json).map_or(Id::Null, |envelope: Envelope| envelope.id)
}

fn classify(value: Value, messages: &mut Vec<Incoming>) {
    let Value::Object(mut fields) = value else {
        return messages.push(refuse(Id::Null, Error::invalid_request()));
    };
    let Ok(id) = fields.remove("id").map(Id::deserialize).transpose() else {
        return messages.push(refuse(Id::Null, Error::invalid_request()));
    };
    match (fields.remove("method"), id) {
        (Some(Value::String(method)), id) => messages.push(Incoming::Request(request(method, id, fields))),
        (None, Some(id)) if fields.contains_key("result") || fields.contains_key("error") => {
            messages.push(Incoming::Response(response(id, fields)));
        }
        // Either a request that lacks its method, or a response whose empty result was left out as some languages do.
        // Both are served: nobody is hurt by a response that no one waits for, nor by an error without id.
        (None, Some(id)) => {
            messages.push(Incoming::Response(Response::from_ok(id, Value::Null)));
            messages.push(refuse(Id::Null, Error::invalid_request()));
        }
        (_, id) => messages.push(refuse(id.unwrap_or_default(), Error::invalid_request())),
    }
}

fn request(method: String, id: Option<Id>, mut fields: Map<String, Value>) -> Request {
    let params = clean(&method, fields.remove("params"));
    let mut request = Request::build(method);
    if let Some(params) = params {
        request = request.params(params);
    }
    if let Some(id) = id {
        request = request.id(id);
    }
    request.finish()
}

fn response(id: Id, mut fields: Map<String, Value>) -> Response {
    match fields.remove("error") {
        None | Some(Value::Null) => Response::from_ok(id, fields.remove("result").unwrap_or_default()),
        Some(error) => {
            let code = error["code"].as_i64().map_or(ErrorCode::InternalError, ErrorCode::from);
            let message = error["message"].as_str().unwrap_or(code.description()).to_owned().into();
            Response::from_error(id, Error { code, message, data: error.get("data").cloned() })
        }
    }
}

/// Replaces lone surrogates, which editors that hold UTF-16 may send as escapes, by U+FFFD. Its width in UTF-16 is the same.
fn mend_surrogates(json: &str) -> String {
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let escape = match (escaped_unit(rest), rest.get(6..).and_then(escaped_unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(0xD800..=0xDFFF), _) => {
                mended.push_str("\\uFFFD");
                rest = &rest[6..];
                continue;
            }
            // Together with what it escapes, so that the second of two backslashes begins nothing.
            _ => rest.chars().take(2).map(char::len_utf8).sum(),
        };
        mended.push_str(&rest[..escape]);
        rest = &rest[escape..];
    }
    mended.push_str(rest);
    mended
}

/// The UTF-16 code unit that an escape at the beginning of `text` stands for.
fn escaped_unit(text: &str) -> Option<u16> {
    u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: impl AsRef<[u8]>, expected: &[&str]) {
        let body = body.as_ref();
        let described: Vec<_> = parse(body).into_iter().map(describe).collect();
        assert_eq!(described, expected, "{:.80}", String::from_utf8_lossy(body));
    }

    fn describe(message: Incoming) -> String {
        match message {
            Incoming::Request(request) => format!("request {}", serde_json::to_string(&request).unwrap()),
            Incoming::Response(response) => match response.into_parts() {
                (id, Ok(result)) => format!("response {id} {result}"),
                (id, Err(error)) => format!("response {id} {} {}", error.code.code(), error.message),
            },
            Incoming::Refused(response) => {
                let code = response.error().map(|error| error.code.code());
                format!("refused {} {}", response.id(), code.unwrap_or_default())
            }
        }
    }

    #[test]
    fn bodies_become_messages() {
        let deep = "[".repeat(200_000);
        let cases: &[(&[u8], &[&str])] = &[
            (br#"{"id":1,"method":"a"}"#, &[r#"request {"jsonrpc":"2.0","method":"a","id":1}"#]),
            (br#"{"id":null,"method":"a"}"#, &[r#"request {"jsonrpc":"2.0","method":"a","id":null}"#]),
            (br#"{"method":"a","params":[1]}"#, &[r#"request {"jsonrpc":"2.0","method":"a","params":[1]}"#]),
            (b"\xef\xbb\xbf{\"method\":\"a\"}", &[r#"request {"jsonrpc":"2.0","method":"a"}"#]),
            (b"{\"method\":\"\xff\"}", &["request {\"jsonrpc\":\"2.0\",\"method\":\"\u{fffd}\"}"]),
            (br#"{"method":"\ud800|\udc00"}"#, &["request {\"jsonrpc\":\"2.0\",\"method\":\"\u{fffd}|\u{fffd}\"}"]),
            (br#"{"method":"\ud83d\ude00\ud800\\ud800"}"#, &[r#"request {"jsonrpc":"2.0","method":"😀�\\ud800"}"#]),
            (br#"{"id":"x","result":null}"#, &[r#"response "x" null"#]),
            (br#"{"id":2,"error":{"code":-1,"message":"no"}}"#, &["response 2 -1 no"]),
            (br#"{"id":2,"error":{"code":"E","extra":1}}"#, &["response 2 -32603 Internal error"]),
            (br#"{"id":2,"error":"no"}"#, &["response 2 -32603 Internal error"]),
            (br#"{"id":2,"error":null,"result":3}"#, &["response 2 3"]),
            (br#"{"id":2}"#, &["response 2 null", "refused null -32600"]),
            (br#"{"id":7,"method":42}"#, &["refused 7 -32600"]),
            (br#"{"id":{},"method":"a"}"#, &["refused null -32600"]),
            (br#"{"id":1.5,"method":"a"}"#, &["refused null -32600"]),
            (b"{}", &["refused null -32600"]),
            (b"", &["refused null -32700"]),
            (b"{\"id\":1", &["refused null -32700"]),
            (b"[]", &["refused null -32600"]),
            (b"42", &["refused null -32600"]),
            (b"null", &["refused null -32600"]),
            (b"[1,[],{\"id\":3,\"result\":1}]", &["refused null -32600", "refused null -32600", "response 3 1"]),
            (br#"{"id":7,"method":"a","params":1e400}"#, &["refused 7 -32700"]),
            (br#"{"id":7,"result":1e400}"#, &["refused null -32700"]),
            (deep.as_bytes(), &["refused null -32700"]),
        ];
        for (body, expected) in cases {
            check(body, expected);
        }
        let close = "]".repeat(200_000);
        check(format!(r#"{{"id":7,"method":"a","params":{deep}{close}}}"#), &["refused 7 -32700"]);
        check(format!("[{}1]", "1,".repeat(MAX_BATCH)), &["refused null -32600"]);
    }
}
