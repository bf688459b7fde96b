//! The OpenAI wire, chat completions, in the forms that its many imitations give it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    engine::ports::{Request, Usage},
    model::{
        answer::{Answer, Piece},
        dialect::Prompt,
        error::{
            Cause,
            body::{self, Verdict},
        },
        form::Limit,
        stream::Event,
    },
};

/// No temperature: several models take only their own.
#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    stream: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_options: Option<StreamOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u64>,
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
struct StreamOptions {
    include_usage: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

pub fn body(prompt: &Prompt) -> Vec<u8> {
    let form = prompt.form;
    let Request { system, shared, prompt: last, .. } = prompt.request;
    let limit = |limit| prompt.max_output_tokens.filter(|_| form.limit == limit);
    // Shared documents first: what comes before the breakpoint is the same for every request of a batch, byte by byte.
    let begin = if form.has_system_role { "" } else { system };
    let parts: Vec<&str> = [begin, shared, last].into_iter().filter(|part| !part.is_empty()).collect();
    let user = parts.join("\n\n");
    let system = (form.has_system_role && !system.is_empty()).then_some(Message { role: "system", content: system });
    let body = Body {
        model: prompt.model,
        stream: true,
        stream_options: form.has_stream_options.then_some(StreamOptions { include_usage: true }),
        max_tokens: limit(Limit::MaxTokens),
        max_completion_tokens: limit(Limit::MaxCompletionTokens),
        messages: system.into_iter().chain([Message { role: "user", content: &user }]).collect(),
    };
    serde_json::to_vec(&body).expect("strings and numbers are always JSON")
}

/// Takes in one event.
pub fn event(answer: &mut Answer, event: &Event) -> Result<Piece, Verdict> {
    let data = event.data.trim();
    match (event.name.as_str(), data) {
        ("error", _) => return Err(body::judge(200, data)),
        ("ping", _) | (_, "") => return Ok(Piece::Nothing),
        (_, "[DONE]") => return Ok(Piece::End),
        _ => {}
    }
    let chunk: Chunk = serde_json::from_str(data).map_err(|error| Verdict {
        // The error may quote what it couldn't read, so it is cleaned like a server's own words.
        said: error.to_string(),
        ..Cause::Garbled("an event of another form").into()
    })?;
    // vLLM's older versions put an error in an object of that name.
    if chunk.error.is_some_and(|error| !error.is_null()) || chunk.object.as_deref() == Some("error") {
        return Err(body::judge(200, data));
    }
    if let Some(usage) = chunk.usage.as_ref().and_then(usage) {
        answer.count(usage);
    }
    // One answer was asked for, so there is one choice; some servers number it from 1.
    let Some(choice) = chunk.choices.unwrap_or_default().into_iter().next() else {
        return Ok(Piece::Nothing);
    };
    let delta = choice.delta.unwrap_or_default();
    if let Some(refusal) = delta.refusal {
        answer.refuse(&refusal);
    }
    let piece = answer.text(delta.content.map(Content::text).unwrap_or_default())?;
    answer.finish(choice.finish_reason.as_deref().unwrap_or_default());
    Ok(piece)
}

fn usage(value: &Value) -> Option<Usage> {
    let number = |value: &Value| value.as_u64();
    let input = number(&value["prompt_tokens"])?;
    let output = number(&value["completion_tokens"]).unwrap_or_default();
    let cached =
        number(&value["prompt_tokens_details"]["cached_tokens"]).or_else(|| number(&value["prompt_cache_hit_tokens"]));
    Some(Usage { input, cached: cached.unwrap_or_default().min(input), output, cost: None })
}

#[derive(Deserialize)]
struct Chunk {
    choices: Option<Vec<Choice>>,
    usage: Option<Value>,
    error: Option<Value>,
    object: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    delta: Option<Delta>,
    finish_reason: Option<String>,
}

#[derive(Default, Deserialize)]
struct Delta {
    content: Option<Content>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Deserialize)]
struct Part {
    /// Absent in parts that aren't text.
    text: Option<String>,
}

impl Content {
    fn text(self) -> String {
        match self {
            Content::Text(text) => text,
            Content::Parts(parts) => parts.into_iter().filter_map(|part| part.text).collect(),
        }
    }
}

#[cfg(test)]
mod tests;
