//! What servers say on each wire, as bytes. Written from the makers' documentation, not from the code under test.

use serde_json::{Value, json};
use stepwright::config::{self, Settings};

use super::provider::{self as fake, Act};

/// A wire, by its name in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    OpenAi,
    Anthropic,
    Ollama,
}

pub const WIRES: [Wire; 3] = [Wire::OpenAi, Wire::Anthropic, Wire::Ollama];

impl Wire {
    pub fn name(self) -> &'static str {
        match self {
            Wire::OpenAi => "openai",
            Wire::Anthropic => "anthropic",
            Wire::Ollama => "ollama",
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Wire::OpenAi | Wire::Anthropic => "text/event-stream",
            Wire::Ollama => "application/x-ndjson",
        }
    }

    /// Settings whose one provider, `fake`, speaks this wire at `base_url`.
    pub fn settings(self, base_url: &str) -> Settings {
        let mut settings = fake::settings(base_url);
        settings.providers.get_mut("fake").expect("it is there").wire = match self {
            Wire::OpenAi => config::Wire::OpenAi,
            Wire::Anthropic => config::Wire::Anthropic,
            Wire::Ollama => config::Wire::Ollama,
        };
        settings
    }

    /// The head of an answer that ends with its connection.
    pub fn head(self) -> Vec<u8> {
        let kind = self.content_type();
        format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\nconnection: close\r\n\r\n").into_bytes()
    }

    pub fn event(self, data: &Value) -> Vec<u8> {
        self.raw(data["type"].as_str().unwrap_or_default(), &data.to_string())
    }

    /// An event with these very bytes as its data.
    pub fn raw(self, name: &str, data: &str) -> Vec<u8> {
        match self {
            Wire::OpenAi => format!("data: {data}\n\n"),
            Wire::Anthropic => format!("event: {name}\ndata: {data}\n\n"),
            Wire::Ollama => format!("{data}\n"),
        }
        .into_bytes()
    }

    /// What comes before the first text.
    pub fn start(self) -> Vec<u8> {
        match self {
            Wire::OpenAi => {
                self.event(&json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]}))
            }
            Wire::Anthropic => {
                let message = json!({"id": "msg_1", "role": "assistant", "content": [], "usage": {"input_tokens": 20, "output_tokens": 1}});
                let block = json!({"type": "text", "text": ""});
                [
                    self.event(&json!({"type": "message_start", "message": message})),
                    self.event(&json!({"type": "content_block_start", "index": 0, "content_block": block})),
                ]
                .concat()
            }
            Wire::Ollama => Vec::new(),
        }
    }

    pub fn text(self, text: &str) -> Vec<u8> {
        self.event(&match self {
            Wire::OpenAi => json!({"choices": [{"index": 0, "delta": {"content": text}}]}),
            Wire::Anthropic => {
                json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
            }
            Wire::Ollama => json!({"model": "model", "message": {"role": "assistant", "content": text}, "done": false}),
        })
    }

    /// Why the model stopped.
    pub fn finish(self, reason: &str) -> Vec<u8> {
        self.event(&match self {
            Wire::OpenAi => json!({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
            Wire::Anthropic => {
                json!({"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 3}})
            }
            Wire::Ollama => {
                json!({"model": "model", "message": {"role": "assistant", "content": ""}, "done": true, "done_reason": reason})
            }
        })
    }

    /// What comes after that.
    pub fn end(self) -> Vec<u8> {
        match self {
            Wire::OpenAi => self.raw("", "[DONE]"),
            Wire::Anthropic => self.event(&json!({"type": "message_stop"})),
            Wire::Ollama => Vec::new(),
        }
    }

    /// The reasons for a whole answer, for one that reached the limit, and for one that was stopped.
    pub fn reasons(self) -> [&'static str; 3] {
        match self {
            Wire::OpenAi => ["stop", "length", "content_filter"],
            Wire::Anthropic => ["end_turn", "max_tokens", "refusal"],
            // It has no word for the last.
            Wire::Ollama => ["stop", "length", "refusal"],
        }
    }

    /// Start, text, reason and end, without the head.
    pub fn answer(self, text: &str, reason: &str) -> Vec<u8> {
        let text = if text.is_empty() { Vec::new() } else { self.text(text) };
        [self.start(), text, self.finish(reason), self.end()].concat()
    }

    pub fn whole(self, text: &str) -> Vec<u8> {
        self.answer(text, self.reasons()[0])
    }

    /// A good answer.
    pub fn good(self, text: &str) -> Vec<Act> {
        vec![Act::Send([self.head(), self.whole(text)].concat())]
    }

    /// An error, in a body or in the stream.
    pub fn error(self, kind: &str, message: &str) -> Value {
        match self {
            Wire::OpenAi => json!({"error": {"message": message, "type": kind, "code": kind, "param": null}}),
            Wire::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
            Wire::Ollama => json!({"error": message}),
        }
    }
}
