//! The wires: what differs between the APIs of model servers. Each is a module with a request's body and a pure decoder; who sends, waits
//! and tries again is the same for all.

use crate::{
    config::Wire,
    engine::ports::Request,
    model::{
        answer::{Answer, Piece},
        anthropic,
        error::body::Verdict,
        form::Form,
        ollama, openai,
        stream::{Event, Framing},
    },
};

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    OpenAi,
    Anthropic,
    Ollama,
}

/// What goes into a request's body.
#[derive(Clone, Copy, Debug)]
pub struct Prompt<'a> {
    pub model: &'a str,
    pub request: &'a Request,
    /// Tokens that the answer may have, as far as that is known.
    pub max_output_tokens: Option<u64>,
    pub form: Form,
}

impl Dialect {
    /// `None` for the replay provider, to which nobody speaks.
    pub fn of(wire: Wire) -> Option<Dialect> {
        match wire {
            Wire::OpenAi => Some(Dialect::OpenAi),
            Wire::Anthropic => Some(Dialect::Anthropic),
            Wire::Ollama => Some(Dialect::Ollama),
            Wire::Replay => None,
        }
    }

    pub fn framing(self) -> Framing {
        match self {
            Dialect::OpenAi | Dialect::Anthropic => Framing::Events,
            Dialect::Ollama => Framing::Lines,
        }
    }

    /// What a right address leads to.
    pub fn api(self) -> &'static str {
        match self {
            Dialect::OpenAi => "an OpenAI-compatible API",
            Dialect::Anthropic => "Anthropic's Messages API",
            Dialect::Ollama => "an Ollama server",
        }
    }

    pub fn body(self, prompt: &Prompt) -> Vec<u8> {
        match self {
            Dialect::OpenAi => openai::body(prompt),
            Dialect::Anthropic => anthropic::body(prompt),
            Dialect::Ollama => ollama::body(prompt),
        }
    }

    /// Takes one event into `answer`.
    pub fn event(self, answer: &mut Answer, event: &Event) -> Result<Piece, Verdict> {
        match self {
            Dialect::OpenAi => openai::event(answer, event),
            Dialect::Anthropic => anthropic::event(answer, event),
            Dialect::Ollama => ollama::event(answer, event),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
