//! What one server takes of the parameters that differ between servers. Learned from its complaints, and kept, so that it complains once.

use crate::model::address::Address;

/// Kept for each model at each server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    pub limit: Limit,
    /// Whether another name for the limit is worth a try.
    is_first_limit: bool,
    pub has_stream_options: bool,
    /// Whether the model's template knows a system message. What would stand there else begins the user's.
    pub has_system_role: bool,
    /// Whether Anthropic's model can be told not to think.
    pub has_thinking_switch: bool,
    /// The longest answer that the model can give, in tokens, once the server said so.
    pub longest_answer: Option<u64>,
    /// The context that Ollama holds for the model, in tokens. It only grows, because each change loads the model anew.
    pub context: Option<u64>,
}

/// How the output limit is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    MaxTokens,
    MaxCompletionTokens,
    Absent,
}

impl Form {
    pub fn new(address: &Address) -> Form {
        let limit = if address.is_openai() { Limit::MaxCompletionTokens } else { Limit::MaxTokens };
        Form {
            limit,
            is_first_limit: true,
            has_stream_options: true,
            has_system_role: true,
            has_thinking_switch: true,
            longest_answer: None,
            context: None,
        }
    }

    /// Leaves out, or renames, what the server complained about. `false` if nothing that was sent can be meant. Each change takes
    /// something away for good, so this ends.
    pub fn adapt(&mut self, parameter: Option<&str>, said: &str) -> bool {
        let complains =
            |name: &str| parameter.map_or_else(|| said.contains(name), |parameter| parameter.starts_with(name));
        if complains("stream_options") && self.has_stream_options {
            self.has_stream_options = false;
            return true;
        }
        if parameter == Some("system") && self.has_system_role {
            self.has_system_role = false;
            return true;
        }
        if parameter == Some("thinking") && self.has_thinking_switch {
            self.has_thinking_switch = false;
            return true;
        }
        let (name, other) = match self.limit {
            Limit::MaxTokens => ("max_tokens", Limit::MaxCompletionTokens),
            Limit::MaxCompletionTokens => ("max_completion_tokens", Limit::MaxTokens),
            Limit::Absent => return false,
        };
        if complains(name) {
            self.limit = if self.is_first_limit { other } else { Limit::Absent };
            self.is_first_limit = false;
            return true;
        }
        false
    }

    /// Asks for answers of at most `most` tokens from now on. `false` if that changes nothing.
    pub fn shorten(&mut self, most: u64) -> bool {
        let shorter = most > 0 && self.longest_answer.is_none_or(|known| most < known);
        if shorter {
            self.longest_answer = Some(most);
        }
        shorter
    }

    /// Asks for a context of at least `tokens`. `false` if that changes nothing.
    pub fn grow(&mut self, tokens: u64) -> bool {
        let grows = self.context.is_none_or(|known| tokens > known);
        if grows {
            self.context = Some(tokens);
        }
        grows
    }
}
