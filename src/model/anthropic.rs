//! The Anthropic wire, Messages, with thinking switched off where the model allows that: it takes time and tokens from the answer.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    engine::ports::{Request, Usage},
    model::{
        answer::{Answer, Piece},
        dialect::Prompt,
        error::{
            Cause,
            body::{self, Verdict},
        },
        stream::Event,
    },
};

/// The version of the API that this is written for; servers keep to it.
pub const VERSION: &str = "2023-06-01";
/// Mandatory on this wire. Older models can give less and say so, which is remembered.
const MAX_TOKENS: u64 = 32_000;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u64,
    stream: bool,
    #[serde(skip_serializing_if = "str::is_empty")]
    system: &'a str,
    /// Some models think by themselves, and some of those refuse to be told not to.
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<Value>,
    messages: [Message<'a>; 1],
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: Vec<Block<'a>>,
}

#[derive(Serialize)]
struct Block<'a> {
    r#type: &'static str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_control: Option<Value>,
}

pub fn body(prompt: &Prompt) -> Vec<u8> {
    let Request { system, shared, prompt: last, .. } = prompt.request;
    let block = |text, cache_control| Block { r#type: "text", text, cache_control };
    // Everything up to here is kept by the server and costs a tenth the next time. Where nothing is shared nothing is kept: keeping
    // costs a quarter more.
    let shared = (!shared.is_empty()).then(|| block(shared, Some(json!({ "type": "ephemeral" }))));
    let body = Body {
        model: prompt.model,
        max_tokens: prompt.max_output_tokens.unwrap_or(MAX_TOKENS),
        stream: true,
        system,
        thinking: prompt.form.has_thinking_switch.then(|| json!({ "type": "disabled" })),
        messages: [Message { role: "user", content: shared.into_iter().chain([block(last, None)]).collect() }],
    };
    serde_json::to_vec(&body).expect("strings and numbers are always JSON")
}

/// Takes in one event. Its `type` counts, which proxies keep where they drop its name.
pub fn event(answer: &mut Answer, event: &Event) -> Result<Piece, Verdict> {
    let data = event.data.trim();
    match (event.name.as_str(), data) {
        ("error", _) => return Err(body::judge(200, data)),
        ("ping", _) | (_, "") => return Ok(Piece::Nothing),
        // Not of this wire, but some gateways add it.
        (_, "[DONE]") => return Ok(Piece::End),
        _ => {}
    }
    let event: Data = serde_json::from_str(data)
        .map_err(|error| Verdict { said: error.to_string(), ..Cause::Garbled("an event of another form").into() })?;
    if event.error.is_some_and(|error| !error.is_null()) {
        return Err(body::judge(200, data));
    }
    let usage = event.message.and_then(|message| message.usage).or(event.usage);
    if let Some(usage) = usage {
        answer.count(usage.after(answer.usage().unwrap_or_default()));
    }
    match event.r#type.as_deref() {
        Some("content_block_start") => answer.text(event.content_block.and_then(Content::text).unwrap_or_default()),
        Some("content_block_delta") => answer.text(event.delta.and_then(Content::text).unwrap_or_default()),
        Some("message_delta") => {
            let delta = event.delta.unwrap_or_default();
            if let Some(explanation) = delta.stop_details.and_then(|details| details.explanation) {
                answer.refuse(&explanation);
            }
            answer.finish(delta.stop_reason.as_deref().unwrap_or_default());
            Ok(Piece::Nothing)
        }
        Some("message_stop") => Ok(Piece::End),
        // A ping, the end of a block, or something from the future.
        _ => Ok(Piece::Nothing),
    }
}

#[derive(Deserialize)]
struct Data {
    r#type: Option<String>,
    message: Option<Start>,
    content_block: Option<Content>,
    delta: Option<Content>,
    usage: Option<Tokens>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Start {
    usage: Option<Tokens>,
}

/// A block, what is added to it, or what is added to the message.
#[derive(Default, Deserialize)]
struct Content {
    r#type: Option<String>,
    text: Option<String>,
    stop_reason: Option<String>,
    stop_details: Option<StopDetails>,
}

#[derive(Deserialize)]
struct StopDetails {
    explanation: Option<String>,
}

impl Content {
    /// Thinking, citations and the input of tools aren't text.
    fn text(self) -> Option<String> {
        self.text.filter(|_| matches!(self.r#type.as_deref(), Some("text" | "text_delta")))
    }
}

/// The first event counts the prompt; the last ones count the answer, and some servers the prompt only then.
#[derive(Deserialize)]
struct Tokens {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
}

impl Tokens {
    fn after(self, known: Usage) -> Usage {
        let cached = self.cache_read_input_tokens.unwrap_or_default();
        let fresh = self.input_tokens.unwrap_or_default() + self.cache_creation_input_tokens.unwrap_or_default();
        let (input, cached) = match fresh + cached {
            0 => (known.input, known.cached),
            input => (input, cached),
        };
        Usage { input, cached, output: self.output_tokens.unwrap_or(known.output), cost: None }
    }
}

#[cfg(test)]
mod tests;
