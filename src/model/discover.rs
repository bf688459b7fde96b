//! Model servers on this machine, recognized by what they answer, and what servers list. Looks at well-known ports; sends no key and no
//! prompt there.

use std::{sync::Arc, time::Duration};

use futures::future;
use serde_json::Value;

use crate::{
    config::ModelFacts,
    model::{
        address::Address, catalog::Target, connection::Connection, dialect::Dialect, error::Failure, key::Credential,
        redact,
    },
};

/// Where llama.cpp, LM Studio, vLLM and Ollama listen unless told otherwise.
pub const PORTS: [u16; 5] = [8080, 18080, 1234, 8000, 11434];

/// For all ports together. A server on this machine that is idle answers within a few.
const BUDGET: Duration = Duration::from_millis(150);
/// For a list of models that was asked for, from anywhere.
const LIST_TIMEOUT: Duration = Duration::from_secs(3);
/// A server that computes an answer may not say how many more it can compute; that isn't worth waiting for.
const SLOTS_TIMEOUT: Duration = Duration::from_millis(300);

/// Finds the first server that lists a model to chat with.
pub async fn find(http: &reqwest::Client, ports: &[u16]) -> Option<Target> {
    future::join_all(ports.iter().map(|port| look(http, *port))).await.into_iter().flatten().next()
}

async fn look(http: &reqwest::Client, port: u16) -> Option<Target> {
    let address = |dialect| Address::parse(&format!("http://127.0.0.1:{port}"), dialect).ok();
    let [compatible, own] = [address(Dialect::OpenAi)?, address(Dialect::Ollama)?];
    let list = async |address| {
        let connection = Connection { http, address, key: None };
        connection.get(address.models(), BUDGET).await.ok()
    };
    let (listed, tags) = future::join(list(&compatible), list(&own)).await;
    let kind = listed.as_ref().map(kind);
    // Others imitate Ollama's list, so who names itself isn't taken for it.
    let has_tags = tags.as_ref().is_some_and(|tags| tags["models"].is_array());
    let is_ollama = kind == Some("ollama") || has_tags && matches!(kind, None | Some("local"));
    let (provider, address, list) = match is_ollama {
        true => ("ollama", own, tags.filter(|_| has_tags).or(listed)?),
        false => (kind?, compatible, listed?),
    };
    Some(Target {
        provider: provider.to_owned(),
        model: pick(&names(&list))?,
        address_setting: format!("the address in a `[providers.{provider}]` table"),
        address,
        credential: Arc::new(Credential::None),
        facts: ModelFacts::default(),
        family: None,
    })
}

/// The models that a server lists, in its order.
pub async fn list(connection: &Connection<'_>) -> Result<Vec<String>, Failure> {
    let names = connection.get(connection.address.models(), LIST_TIMEOUT).await.map(|list| names(&list))?;
    // They are shown.
    Ok(names.iter().map(|name| redact::without_key(name, connection.key)).collect())
}

/// How many requests a server on this machine works on side by side, as llama.cpp tells.
pub async fn slots(connection: &Connection<'_>) -> Option<usize> {
    let props = connection.get(connection.address.props(), SLOTS_TIMEOUT).await.ok()?;
    props["total_slots"].as_u64().and_then(|slots| usize::try_from(slots).ok()).filter(|slots| *slots > 0)
}

/// The first model that looks like one to chat with.
pub fn pick(names: &[String]) -> Option<String> {
    const OTHER_USES: [&str; 7] = ["embed", "rerank", "whisper", "tts", "clip", "bge-", "minilm"];
    let chats = |name: &&String| !OTHER_USES.iter().any(|word| name.to_lowercase().contains(word));
    names.iter().find(chats).cloned()
}

/// Of a list in OpenAI's form, or in Ollama's.
fn names(list: &Value) -> Vec<String> {
    let entries = |key: &str| list[key].as_array().into_iter().flatten();
    let compatible = entries("data").filter_map(|model| model["id"].as_str());
    // What Ollama only passes on to a computer elsewhere isn't on this machine, whatever its address says.
    let is_here = |model: &&Value| model["remote_host"].as_str().is_none_or(str::is_empty);
    let own = entries("models").filter(is_here).filter_map(|model| model["name"].as_str());
    // llama.cpp's list has both forms.
    let mut names: Vec<String> = compatible.filter(|id| !id.is_empty()).map(str::to_owned).collect();
    if names.is_empty() {
        names = own.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    }
    names
}

/// What the server calls the owner of its models tells which program it is.
fn kind(list: &Value) -> &'static str {
    match list["data"][0]["owned_by"].as_str() {
        Some("llamacpp") => "llama.cpp",
        Some("library") => "ollama",
        Some("vllm") => "vllm",
        Some("organization_owner" | "organization-owner") => "lm-studio",
        _ => "local",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_model_to_chat_with_is_picked_from_either_list() {
        for (list, picked) in [
            (json!({"data": [{"id": "nomic-embed"}, {"id": "qwen"}]}), Some("qwen")),
            (json!({"data": [], "models": []}), None),
            (json!({"models": [{"name": "all-minilm:latest"}, {"name": "qwen3:4b"}]}), Some("qwen3:4b")),
            // Nobody's prompts leave this machine because nobody named a model.
            (
                json!({"models": [{"name": "big:cloud", "remote_host": "https://ollama.com:443"}, {"name": "small"}]}),
                Some("small"),
            ),
            (json!({"models": [{"name": "a"}], "data": [{"id": "b"}]}), Some("b")),
            (json!([1]), None),
        ] {
            assert_eq!(pick(&names(&list)).as_deref(), picked, "{list}");
        }
    }
}
