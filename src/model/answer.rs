//! One answer as it comes in, whatever the wire: its text so far, whether the model said that it is whole, and what it cost. Pure.

use crate::{
    engine::ports::{Finish, Usage},
    model::error::{Cause, body::Verdict},
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
    /// Nothing comes after it.
    End,
}

/// Follows one answer. Strict about whether it is whole; a decoder is tolerant of all else.
#[derive(Debug, Default)]
pub struct Answer {
    length: usize,
    has_text: bool,
    refusal: String,
    finish: Option<Finish>,
    usage: Option<Usage>,
}

impl Answer {
    /// Adds text. What comes after the end isn't part of the answer, so a decoder adds an event's text before its finish.
    pub fn text(&mut self, text: String) -> Result<Piece, Verdict> {
        if text.is_empty() || self.is_finished() {
            return Ok(Piece::Nothing);
        }
        self.length += text.len();
        if self.length > LONGEST_ANSWER {
            return Err(Cause::Garbled("an answer of more than 8 MiB").into());
        }
        self.has_text |= !text.trim().is_empty();
        Ok(Piece::Text(text))
    }

    /// Adds to the reason why the model refuses.
    pub fn refuse(&mut self, reason: &str) {
        let room = LONGEST_REFUSAL.saturating_sub(self.refusal.len());
        self.refusal.extend(reason.chars().take(room));
    }

    /// Notes why the model stopped. The first reason stands, unless it said that all was well and a later one denies it.
    pub fn finish(&mut self, reason: &str) {
        if !reason.is_empty() && matches!(self.finish, None | Some(Finish::Stop)) {
            self.finish = Some(finish(reason));
        }
    }

    /// Notes what was counted; later counts include earlier ones.
    pub fn count(&mut self, usage: Usage) {
        self.usage = Some(usage);
    }

    /// What was counted so far.
    pub fn usage(&self) -> Option<Usage> {
        self.usage
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
        // A refusal may come with the finish reason of a good answer.
        match finish {
            _ if !self.refusal.is_empty() => Ok((Finish::Blocked(self.refusal), usage)),
            Finish::Stop if !self.has_text => Err(Cause::Empty),
            finish => Ok((finish, usage)),
        }
    }
}

/// What a finish reason means. The wires have different words, and none of them means one thing here and another there.
pub fn finish(reason: &str) -> Finish {
    match reason.to_ascii_lowercase().as_str() {
        "stop" | "eos" | "end_turn" | "stop_sequence" | "done" => Finish::Stop,
        "length" | "max_tokens" | "model_context_window_exceeded" => Finish::Length,
        "content_filter" | "refusal" | "filtered" | "safety" => Finish::Blocked(reason.to_owned()),
        // Gemini names the filter after it.
        lower if lower.starts_with("content_filter:") => Finish::Blocked(reason.to_owned()),
        _ => Finish::Unexpected(reason.to_owned()),
    }
}

/// Whether a server that read `seen` tokens dropped a part of a prompt of about `sent`.
fn is_cut(seen: u64, sent: u64) -> bool {
    const WORTH_A_LOOK: u64 = 3000;
    const SEEN_AT_LEAST: f64 = 0.6;
    // Zero is what servers report that don't count.
    seen > 0 && sent > WORTH_A_LOOK && (seen as f64) < SEEN_AT_LEAST * sent as f64
}
