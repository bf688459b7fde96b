//! Model servers on this machine, recognized by what they answer. Looks at well-known ports; sends no key and no prompt there.

use std::{sync::Arc, time::Duration};

use futures::future;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{
    config::ModelFacts,
    model::{address::Address, catalog::Target, key::Credential},
};

/// Where llama.cpp, LM Studio, vLLM and Ollama listen unless told otherwise.
pub const PORTS: [u16; 5] = [8080, 18080, 1234, 8000, 11434];

/// For all ports together. A server on this machine that is idle answers within a few.
const BUDGET: Duration = Duration::from_millis(150);
/// For a list of models that was asked for, from anywhere.
const LIST_TIMEOUT: Duration = Duration::from_secs(3);
/// A server that computes an answer may not say how many more it can compute; that isn't worth waiting for.
const SLOTS_TIMEOUT: Duration = Duration::from_millis(300);
/// Some gateways list thousands of models.
const LONGEST_LIST: usize = 4 << 20;

/// Finds the first server that lists a model to chat with.
pub async fn find(http: &reqwest::Client, ports: &[u16]) -> Option<Target> {
    let look = ports.iter().map(|port| async move {
        let address = Address::parse(&format!("http://127.0.0.1:{port}")).ok()?;
        let list = tokio::time::timeout(BUDGET, get(http, address.models(), None)).await.ok()??;
        let model = pick(&names(&list))?;
        Some(Target {
            provider: kind(&list).to_owned(),
            model,
            address_setting: format!("the address in a `[providers.{}]` table", kind(&list)),
            address,
            credential: Arc::new(Credential::None),
            facts: ModelFacts::default(),
        })
    });
    future::join_all(look).await.into_iter().flatten().next()
}

/// The models that a server lists, in its order; `None` when it doesn't.
pub async fn list(http: &reqwest::Client, address: &Address, key: Option<&SecretString>) -> Option<Vec<String>> {
    let list = tokio::time::timeout(LIST_TIMEOUT, get(http, address.models(), key)).await.ok()??;
    Some(names(&list))
}

/// How many requests a server on this machine works on side by side, as llama.cpp tells.
pub async fn slots(http: &reqwest::Client, address: &Address, key: Option<&SecretString>) -> Option<usize> {
    let props = tokio::time::timeout(SLOTS_TIMEOUT, get(http, address.props(), key)).await.ok()??;
    props["total_slots"].as_u64().and_then(|slots| usize::try_from(slots).ok()).filter(|slots| *slots > 0)
}

/// The first model that looks like one to chat with.
pub fn pick(names: &[String]) -> Option<String> {
    const OTHER_USES: [&str; 6] = ["embed", "rerank", "whisper", "tts", "clip", "bge-"];
    let chats = |name: &&String| !OTHER_USES.iter().any(|word| name.to_lowercase().contains(word));
    names.iter().find(chats).cloned()
}

async fn get(http: &reqwest::Client, url: reqwest::Url, key: Option<&SecretString>) -> Option<Value> {
    let send = || {
        let request = http.get(url.clone());
        match key {
            Some(key) => request.bearer_auth(key.expose_secret()).send(),
            None => request.send(),
        }
    };
    // A kept connection may have been closed by the server just now; a new one shows what is the case.
    let mut response = match send().await {
        Ok(response) => response,
        Err(_) => send().await.ok()?,
    };
    if !response.status().is_success() {
        return None;
    }
    let mut body = Vec::new();
    while let Some(bytes) = response.chunk().await.ok()? {
        if body.len() + bytes.len() > LONGEST_LIST {
            return None;
        }
        body.extend_from_slice(&bytes);
    }
    serde_json::from_slice(&body).ok()
}

fn names(list: &Value) -> Vec<String> {
    let models = list["data"].as_array().into_iter().flatten();
    models.filter_map(|model| model["id"].as_str()).filter(|id| !id.is_empty()).map(str::to_owned).collect()
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
