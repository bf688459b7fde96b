//! Events of the OpenAI wire to text and an ending. Pure: tolerant of what doesn't matter, strict about whether the answer is whole.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    engine::ports::{Finish, Usage},
    model::{
        error::{
            Cause,
            body::{self, Verdict},
        },
        sse::Event,
    },
};

/// Longest answer, in bytes of text.
pub const LONGEST_ANSWER: usize = 8 << 20;
/// Of a refusal, in bytes: enough for the reason.
const LONGEST_REFUSAL: usize = 2000;

/// What an event adds.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    Text(String),
    /// Nothing a user sees: reasoning, a role, usage, a ping.
    Nothing,
    /// `[DONE]`: nothing comes after it.
    End,
}

/// Follows one answer.
#[derive(Debug, Default)]
pub struct Decoder {
    length: usize,
    has_text: bool,
    refusal: String,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

impl Decoder {
    /// Takes in one event.
    pub fn event(&mut self, event: &Event) -> Result<Piece, Verdict> {
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
        if chunk.error.is_some_and(|error| !error.is_null()) {
            return Err(body::judge(200, data));
        }
        if let Some(usage) = chunk.usage.as_ref().and_then(usage) {
            self.usage = Some(usage);
        }
        // One answer was asked for, so there is one choice; some servers number it from 1.
        let Some(choice) = chunk.choices.unwrap_or_default().into_iter().next() else {
            return Ok(Piece::Nothing);
        };
        let was_finished = self.finish.is_some();
        if let Some(reason) = choice.finish_reason.as_deref().filter(|reason| !reason.is_empty()) {
            // The first reason stands, unless it said that all was well and a later one denies it.
            if matches!(self.finish, None | Some(Finish::Stop)) {
                self.finish = Some(finish(reason));
            }
        }
        let delta = choice.delta.unwrap_or_default();
        if let Some(refusal) = delta.refusal {
            let room = LONGEST_REFUSAL.saturating_sub(self.refusal.len());
            self.refusal.extend(refusal.chars().take(room));
        }
        let text = delta.content.map(Content::text).unwrap_or_default();
        // What comes after the end isn't part of the answer.
        if text.is_empty() || was_finished {
            return Ok(Piece::Nothing);
        }
        self.length += text.len();
        if self.length > LONGEST_ANSWER {
            return Err(Cause::Garbled("an answer of more than 8 MiB").into());
        }
        self.has_text |= !text.trim().is_empty();
        Ok(Piece::Text(text))
    }

    /// Whether the model said why it stopped. From then on the answer is what it is, however the connection ends.
    pub fn is_finished(&self) -> bool {
        self.finish.is_some()
    }

    /// Whether any text was handed on.
    pub fn has_begun(&self) -> bool {
        self.length > 0
    }

    /// The ending, once nothing more comes. `sent` is an estimate of the prompt's tokens.
    pub fn end(self, sent: u64) -> Result<(Finish, Usage), Cause> {
        let finish = self.finish.ok_or(Cause::Truncated)?;
        let usage = self.usage.unwrap_or_default();
        if self.usage.is_some() && is_cut(usage.input, sent) {
            return Err(Cause::PromptCut(usage.input, sent));
        }
        // A refusal comes with the finish reason of a good answer.
        match finish {
            _ if !self.refusal.is_empty() => Ok((Finish::Blocked(self.refusal), usage)),
            Finish::Stop if !self.has_text => Err(Cause::Empty),
            finish => Ok((finish, usage)),
        }
    }
}

/// What a finish reason of this wire means.
pub fn finish(reason: &str) -> Finish {
    match reason {
        "stop" | "eos" | "end_turn" | "stop_sequence" | "done" => Finish::Stop,
        "length" | "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "content_filter" | "refusal" | "filtered" | "safety" => Finish::Blocked(reason.to_owned()),
        other => Finish::Unexpected(other.to_owned()),
    }
}

/// Whether a server that read `seen` tokens dropped a part of a prompt of about `sent`.
fn is_cut(seen: u64, sent: u64) -> bool {
    const WORTH_A_LOOK: u64 = 3000;
    const SEEN_AT_LEAST: f64 = 0.6;
    // Zero is what servers report that don't count.
    seen > 0 && sent > WORTH_A_LOOK && (seen as f64) < SEEN_AT_LEAST * sent as f64
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
