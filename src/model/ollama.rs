//! The Ollama wire, `/api/chat`. Its own, because the compatible one can't say how long the context is, and then the start of a long prompt
//! is dropped without a word.

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
        stream::Event,
    },
};

/// The smallest context that is asked for; others are this, doubled. Few sizes, because each change loads the model anew.
const SMALLEST_CONTEXT: u64 = 4096;
/// The largest one that is asked for unless the user says more: its memory is taken from the model's own.
pub const LARGEST_CONTEXT: u64 = 32_768;
/// Room for an answer of unknown length, in tokens.
const SHORT_ANSWER: u64 = 1024;

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    stream: bool,
    /// A prompt that doesn't fit is an error rather than cut.
    truncate: bool,
    /// So is an answer that doesn't: without this, the prompt's start makes room for it.
    shift: bool,
    options: Options,
    messages: Vec<Message<'a>>,
}

#[derive(Serialize)]
struct Options {
    #[serde(skip_serializing_if = "Option::is_none")]
    num_ctx: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    num_predict: Option<u64>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

pub fn body(prompt: &Prompt) -> Vec<u8> {
    let Request { system, shared, prompt: last, .. } = prompt.request;
    let user = if shared.is_empty() { last.clone() } else { format!("{shared}\n\n{last}") };
    let system = (!system.is_empty()).then_some(Message { role: "system", content: system });
    let body = Body {
        model: prompt.model,
        stream: true,
        truncate: false,
        shift: false,
        options: Options { num_ctx: prompt.form.context, num_predict: prompt.max_output_tokens },
        messages: system.into_iter().chain([Message { role: "user", content: &user }]).collect(),
    };
    serde_json::to_vec(&body).expect("strings and numbers are always JSON")
}

/// The context for a prompt of `sent` tokens, of which `own` aren't shared documents, and for its answer. An answer may repeat the target
/// document, which is among the prompt's own. `largest` is what the user says that the model can hold.
pub fn context(sent: u64, own: u64, max_output_tokens: Option<u64>, largest: Option<u64>) -> u64 {
    let needed = sent + max_output_tokens.unwrap_or(own.max(SHORT_ANSWER));
    let largest = largest.unwrap_or(LARGEST_CONTEXT);
    let sizes = std::iter::successors(Some(SMALLEST_CONTEXT), |size| size.checked_mul(2));
    let fitting = sizes.take_while(|size| *size < largest).find(|size| *size >= needed);
    fitting.unwrap_or(largest)
}

/// Takes in one line.
pub fn event(answer: &mut Answer, event: &Event) -> Result<Piece, Verdict> {
    let data = event.data.trim();
    if data.is_empty() {
        return Ok(Piece::Nothing);
    }
    let line: Line = serde_json::from_str(data)
        .map_err(|error| Verdict { said: error.to_string(), ..Cause::Garbled("a line of another form").into() })?;
    if line.error.is_some_and(|error| !error.is_null()) {
        return Err(body::judge(200, data));
    }
    let message = line.message.unwrap_or_default();
    let piece = answer.text(message.content.unwrap_or_default())?;
    let calls_tools = message.tool_calls.is_some_and(|calls| !calls.is_empty());
    if calls_tools {
        answer.finish("tool_calls");
    }
    if line.done != Some(true) {
        return Ok(piece);
    }
    // Servers before 2024 give no reason.
    answer.finish(line.done_reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or("done"));
    if let Some(input) = line.prompt_eval_count {
        answer.count(Usage { input, cached: 0, output: line.eval_count.unwrap_or_default(), cost: None });
    }
    Ok(if piece == Piece::Nothing { Piece::End } else { piece })
}

#[derive(Deserialize)]
struct Line {
    message: Option<Reply>,
    done: Option<bool>,
    done_reason: Option<String>,
    prompt_eval_count: Option<u64>,
    eval_count: Option<u64>,
    error: Option<Value>,
}

#[derive(Default, Deserialize)]
struct Reply {
    content: Option<String>,
    tool_calls: Option<Vec<Value>>,
}

#[cfg(test)]
mod tests;
