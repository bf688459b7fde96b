//! What is wrong with providers, keys and models, before anything is paid for. Asks for facts; sends no prompt and shows no key.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use futures::future;
use serde_json::json;

use crate::{
    config::Settings,
    engine::ports::{ModelError, Request},
    model::{
        Router, Tuning,
        catalog::{Choice, Server, Target},
        client::Client,
        dialect::Dialect,
        error::{self, Cause, Failure},
        key::Credential,
        replay,
    },
    workflow::Role,
};

/// For each question.
const TIMEOUT: Duration = Duration::from_secs(5);

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `key of openai`, `provider openai`, `model main`.
    pub name: String,
    pub detail: String,
    /// What mends it; `None` when nothing is wrong.
    pub remedy: Option<String>,
}

impl Finding {
    pub fn good(name: impl Into<String>, detail: impl Into<String>) -> Finding {
        Finding { name: name.into(), detail: detail.into(), remedy: None }
    }

    pub fn bad(name: impl Into<String>, detail: impl Into<String>, remedy: impl Into<String>) -> Finding {
        Finding { name: name.into(), detail: detail.into(), remedy: Some(remedy.into()) }
    }

    pub fn is_good(&self) -> bool {
        self.remedy.is_none()
    }
}

/// Looks at every provider that is configured or that a role uses, and at the models of the roles.
pub fn examine(
    settings: &Settings,
    environment: &dyn Fn(&str) -> Option<String>,
) -> impl Future<Output = Vec<Finding>> + Send + use<> {
    let router = Router::new(settings, environment, Tuning::default());
    async move { router.examine().await }
}

impl Router {
    async fn examine(&self) -> Vec<Finding> {
        let roles = [(Role::Main, "main"), (Role::Fast, "fast")];
        let roles = roles.map(|(role, name)| (name, self.catalog.choose(&Request { role, ..Request::default() })));
        let mut names: BTreeSet<&str> = self.catalog.configured().collect();
        for (_, chosen) in &roles {
            if let Ok(Choice::Server(Server::Model(target) | Server::Listed(target))) = chosen {
                names.insert(&target.provider);
            }
        }
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let providers = future::join_all(names.iter().map(|name| self.provider(name))).await;
        let mut lists = BTreeMap::new();
        let mut findings = Vec::new();
        for Provider { name, found, listed } in providers {
            findings.extend(found);
            lists.insert(name, listed);
        }
        let mut seen = None;
        for (name, chosen) in roles {
            let finding = self.role(&format!("model {name}"), chosen, &lists).await;
            // Where one model has both roles, or both want for the same, once is enough.
            let point = finding.remedy.clone().unwrap_or_else(|| finding.detail.clone());
            let is_known = !finding.is_good() && findings.iter().any(|known| known.detail == finding.detail);
            if !is_known && seen.as_ref() != Some(&point) {
                findings.push(finding);
            }
            seen = Some(point);
        }
        findings
    }

    async fn provider<'a>(&'a self, name: &'a str) -> Provider<'a> {
        let title = format!("provider {name}");
        let (found, listed) = match self.catalog.provider(name) {
            Err(error) => (vec![refused(title, &error)], Listed::Unreachable),
            Ok(Choice::Replay(file)) => (vec![recorded(title, &file)], Listed::Silent),
            Ok(Choice::Server(Server::Model(target) | Server::Listed(target))) => {
                let key = key(&format!("key of {name}"), &target).await;
                if key.as_ref().is_some_and(|key| !key.is_good()) {
                    (key.into_iter().collect(), Listed::Unreachable)
                } else {
                    let client = self.client_for(*target);
                    let (server, listed) = reach(title, &client).await;
                    (key.into_iter().chain([server]).collect(), listed)
                }
            }
            Ok(Choice::Server(Server::Discovered)) => (Vec::new(), Listed::Silent),
        };
        Provider { name, found, listed }
    }

    async fn role(&self, title: &str, chosen: Result<Choice, ModelError>, lists: &BTreeMap<&str, Listed>) -> Finding {
        let server = match chosen {
            Err(error) => return refused(title, &error),
            Ok(Choice::Replay(file)) => return recorded(title, &file),
            Ok(Choice::Server(server)) => server,
        };
        let is_named = matches!(&server, Server::Model(target) if target.family.is_none());
        let silent = |provider: &str| matches!(lists.get(provider), Some(Listed::Unreachable));
        if let Server::Model(target) | Server::Listed(target) = &server
            && silent(&target.provider)
        {
            let model = if target.model.is_empty() { "the model".to_owned() } else { format!("`{}`", target.name()) };
            let remedy = format!("mend the provider `{}` first", target.provider);
            return Finding::bad(title, format!("{model} can't be asked for"), remedy);
        }
        let client = match self.client(server).await {
            Ok(client) => client,
            Err(error) => return refused(title, &error),
        };
        let target = client.target();
        if is_named
            && let Some(Listed::Models(models)) = lists.get(target.provider.as_str())
            && !client.has_model(models).await
        {
            let detail = format!("{} has no model `{}`", target.address, target.model);
            return Finding::bad(title, detail, error::not_found_remedy(target, Some(models)));
        }
        let doubt = match lists.get(target.provider.as_str()) {
            Some(Listed::Silent) => ", which the server doesn't list, so it may not be there",
            _ => "",
        };
        let place = if is_named { String::new() } else { format!(" at {}", target.address) };
        Finding::good(title, format!("`{}`{place}{doubt}; {} tokens of context", target.name(), client.window().await))
    }
}

/// A provider, what was found about it, and what it lists.
struct Provider<'a> {
    name: &'a str,
    found: Vec<Finding>,
    listed: Listed,
}

enum Listed {
    Models(Vec<String>),
    /// It answers, but has no list, or one that means nothing.
    Silent,
    Unreachable,
}

/// Where the key comes from; nothing where none is named.
async fn key(title: &str, target: &Target) -> Option<Finding> {
    Some(match &*target.credential {
        Credential::None => return None,
        Credential::Environment { name, value: Some(_) } => {
            Finding::good(title, format!("in the environment variable `{name}`"))
        }
        Credential::Environment { name, value: None } if target.address.is_loopback() => {
            Finding::good(title, format!("`{name}` isn't set; a server on this machine rarely needs a key"))
        }
        Credential::Environment { name, value: None } => {
            Finding::bad(title, format!("the environment variable `{name}` isn't set"), target.key_remedy())
        }
        Credential::Command { command, .. } => {
            let program = command.first().map_or("", String::as_str);
            match target.credential.read().await {
                Ok(_) => Finding::good(title, format!("printed by the command `{program}`")),
                Err(problem) => Finding::bad(title, problem, target.key_remedy()),
            }
        }
    })
}

/// Whether the server answers as one of its kind does.
async fn reach(title: String, client: &Client) -> (Finding, Listed) {
    let target = client.target();
    let before = Instant::now();
    let listed = client.list().await;
    let milliseconds = before.elapsed().as_millis();
    let answers = format!("{} answers in {milliseconds} ms", target.address);
    match listed {
        Ok(models) if target.address.is_azure() => {
            // Its list is of what one could deploy, not of what is deployed.
            let detail = format!("{answers} and lists {} models, deployed or not", models.len());
            (Finding::good(title, detail), Listed::Silent)
        }
        Ok(models) if models.is_empty() => {
            let remedy = match target.address.dialect() {
                Dialect::Ollama => "fetch one, with `ollama pull` and a model's name",
                Dialect::OpenAi | Dialect::Anthropic => "load a model into the server",
            };
            (Finding::bad(title, format!("{answers}, but has no model"), remedy), Listed::Unreachable)
        }
        Ok(models) => {
            let count = if models.len() == 1 { "1 model".to_owned() } else { format!("{} models", models.len()) };
            (Finding::good(title, format!("{answers} and lists {count}")), Listed::Models(models))
        }
        // Not every server has a list. A request without a prompt tells whether there is somebody to send one to.
        Err(Failure { cause: Cause::NotFound | Cause::Rejected, .. }) => match client.knock(TIMEOUT).await {
            Ok(()) => (Finding::good(title, format!("{answers}, without a list of models")), Listed::Silent),
            Err(failure) => (failed(title, &failure, target), Listed::Unreachable),
        },
        Err(failure) => (failed(title, &failure, target), Listed::Unreachable),
    }
}

impl Client {
    /// Whether the server has the model, of which it lists these.
    async fn has_model(&self, listed: &[String]) -> bool {
        let model = self.target().model.as_str();
        let is_same = |id: &String| {
            // Ollama's tag may be left out, as may Gemini's folder, and OpenRouter's variant isn't in its list.
            id == model
                || id.strip_suffix(":latest") == Some(model)
                || id.strip_prefix("models/") == Some(model)
                || model.split_once(':').is_some_and(|(name, _)| name == id && name.contains('/'))
        };
        // A llama.cpp that serves one model serves it under any name.
        let serves_any_name = listed.len() == 1 && self.is_llama_cpp().await;
        listed.iter().any(is_same) || serves_any_name || self.knows_alias().await
    }

    /// Whether the server tells about the model although it doesn't list it: Anthropic's list has no aliases.
    async fn knows_alias(&self) -> bool {
        let target = self.target();
        let about = self.connect(async |connection| connection.get(target.address.model(&target.model), TIMEOUT).await);
        let about = match target.address.dialect() {
            Dialect::Ollama => return false,
            Dialect::OpenAi | Dialect::Anthropic => about.await.and_then(|about| about),
        };
        about.is_ok_and(|about| about["id"].is_string())
    }

    async fn is_llama_cpp(&self) -> bool {
        let target = self.target();
        if target.address.dialect() == Dialect::Ollama {
            return false;
        }
        let list = self.connect(async |connection| connection.get(target.address.models(), TIMEOUT).await).await;
        list.and_then(|list| list).is_ok_and(|list| list["data"][0]["owned_by"] == "llamacpp")
    }

    /// Whether prompts are taken where they would be sent. Sends none: a server of the right kind complains about that.
    async fn knock(&self, limit: Duration) -> Result<(), Failure> {
        let address = &self.target().address;
        let answer = self.connect(async |connection| connection.ask(address.chat(), &json!({}), limit).await).await?;
        match answer {
            Err(Failure {
                status: Some(400 | 422), cause: Cause::Rejected | Cause::UnsupportedParameter(_), ..
            }) => Ok(()),
            Ok(_) => Err(Failure::new(Cause::Protocol("something else than an answer".to_owned()))),
            Err(failure) => Err(failure),
        }
    }
}

fn failed(title: String, failure: &Failure, target: &Target) -> Finding {
    let (address, setting) = (&target.address, &target.address_setting);
    match failure.cause {
        Cause::FirstByte(_) => {
            let remedy = format!("is the server busy, or something in between? Check {setting}");
            Finding::bad(title, failure.what(target), remedy)
        }
        Cause::NotFound => {
            let api = address.dialect().api();
            let said = if failure.said.is_empty() { String::new() } else { format!(": {}", failure.said) };
            let detail = format!("something answers at {address}, but not as {api} does (404{said})");
            Finding::bad(title, detail, format!("check the path in {setting}"))
        }
        _ => Finding::bad(title, failure.what(target), failure.remedy(target)),
    }
}

/// An error about the configuration, which says at its end what to do.
fn refused(title: impl Into<String>, error: &ModelError) -> Finding {
    let (detail, remedy) = error.message.rsplit_once(": ").unwrap_or((&error.message, "correct the configuration"));
    Finding::bad(title, detail, remedy)
}

fn recorded(title: impl Into<String>, file: &std::path::Path) -> Finding {
    match replay::load(file) {
        Ok(entries) if entries.len() == 1 => Finding::good(title, format!("1 recorded answer in {}", file.display())),
        Ok(entries) => Finding::good(title, format!("{} recorded answers in {}", entries.len(), file.display())),
        Err(error) => Finding::bad(title, error.message, "correct the file, or `path` in its `[providers]` table"),
    }
}
