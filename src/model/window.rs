//! How much fits into a model, as far as its server tells. Asks for facts; sends no prompt.

use std::time::Duration;

use serde_json::{Value, json};

use crate::model::{catalog::Target, connection::Connection, dialect::Dialect, ollama, vendor};

/// What is assumed when nobody tells, in tokens.
const USUAL: u64 = 32_768;
/// On this machine: what small models are started with.
const USUAL_LOCAL: u64 = 8192;
/// For each question.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What a server says that has no list of models, and won't have one later.
const NO_LIST: [u16; 3] = [404, 405, 501];
/// Keys in which lists of models say it: vLLM, OpenRouter and Together, Groq, Mistral.
const NAMES: [&str; 4] = ["max_model_len", "context_length", "context_window", "max_context_length"];

/// What the server says, in tokens: `Some(None)` when it doesn't tell, `None` when it couldn't be asked.
pub async fn ask(connection: &Connection<'_>, model: &str) -> Option<Option<u64>> {
    match connection.address.dialect() {
        Dialect::OpenAi => compatible(connection, model).await,
        Dialect::Anthropic => match llama_cpp(connection).await {
            Some(window) => Some(Some(window)),
            None => {
                let facts = connection.get(connection.address.model(model), TIMEOUT).await.ok()?;
                Some(number(&facts["max_input_tokens"]))
            }
        },
        Dialect::Ollama => {
            let facts = connection.ask(connection.address.show(), &json!({ "model": model }), TIMEOUT).await.ok()?;
            // Its key begins with the name of the model's architecture.
            let facts = facts["model_info"].as_object()?;
            Some(facts.iter().find(|(key, _)| key.ends_with(".context_length")).and_then(|(_, value)| number(value)))
        }
    }
}

async fn compatible(connection: &Connection<'_>, model: &str) -> Option<Option<u64>> {
    if let Some(window) = llama_cpp(connection).await {
        return Some(Some(window));
    }
    let is_local = connection.address.is_loopback();
    let list = match connection.get(connection.address.models(), TIMEOUT).await {
        Ok(list) => Some(list),
        Err(failure) if failure.status.is_some_and(|status| NO_LIST.contains(&status)) => Some(Value::Null),
        Err(_) => None,
    };
    let listed = list.as_ref().and_then(|list| entry(list, model));
    let window = listed.and_then(|entry| NAMES.iter().find_map(|name| number(&entry[*name])));
    if window.is_none()
        && is_local
        && let Ok(list) = connection.get(connection.address.lm_studio(), TIMEOUT).await
    {
        let loaded = entry(&list, model).and_then(|entry| number(&entry["loaded_context_length"]));
        if loaded.is_some() {
            return Some(loaded);
        }
    }
    list.map(|_| window)
}

/// What one request gets of what llama.cpp was started with. It speaks more than one wire.
async fn llama_cpp(connection: &Connection<'_>) -> Option<u64> {
    if !connection.address.is_loopback() {
        return None;
    }
    let props = connection.get(connection.address.props(), TIMEOUT).await.ok()?;
    number(&props["default_generation_settings"]["n_ctx"]).or_else(|| number(&props["n_ctx"]))
}

/// The window to reckon with, in tokens, by a guess where nobody tells.
pub fn resolve(target: &Target, asked: Option<u64>) -> u64 {
    let usual = if target.address.is_loopback() { USUAL_LOCAL } else { USUAL };
    told(target, asked).or_else(|| vendor::window(&target.provider, &target.model)).unwrap_or(usual)
}

/// What the server says and what the user says, whichever is less.
pub fn told(target: &Target, asked: Option<u64>) -> Option<u64> {
    let configured = target.facts.context_window;
    let asked = match target.address.dialect() {
        // It has no more than it is asked to hold, and that is no more than the user allows.
        Dialect::Ollama => {
            let largest = configured.unwrap_or(ollama::LARGEST_CONTEXT);
            Some(asked.map_or(largest, |asked| asked.min(largest)))
        }
        Dialect::OpenAi | Dialect::Anthropic => asked,
    };
    match (asked, configured) {
        (Some(asked), Some(configured)) => Some(asked.min(configured)),
        (asked, configured) => asked.or(configured),
    }
}

fn entry<'a>(list: &'a Value, model: &str) -> Option<&'a Value> {
    list["data"].as_array()?.iter().find(|entry| entry["id"] == model)
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().filter(|number| *number > 0)
}
