//! Which model a name means: roles, providers, environment, replay. Asks no server; discovery is for its caller.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    config::{Key, ModelFacts, Provider, Settings, Wire},
    engine::ports::{ModelError, ModelErrorKind, Request},
    model::{address::Address, key::Credential},
    workflow::Role,
};

mod known;

/// The name that always means recorded answers.
pub const REPLAY: &str = "replay";
/// The provider that needs no `[providers]` table.
const OPENAI: &str = "openai";
const OPENAI_ADDRESS: &str = "https://api.openai.com/v1";
const OPENAI_MAIN: &str = "gpt-5-mini";
const OPENAI_FAST: &str = "gpt-5-nano";

/// Everything that is known about models before a server is asked.
#[derive(Debug)]
pub struct Catalog {
    main: Option<String>,
    fast: Option<String>,
    providers: BTreeMap<String, Entry>,
    models: BTreeMap<String, ModelFacts>,
    environment: Environment,
}

/// One model at one server.
#[derive(Clone, Debug)]
pub struct Target {
    pub provider: String,
    pub model: String,
    pub address: Address,
    /// What the user changes to change the address.
    pub address_setting: String,
    pub credential: Arc<Credential>,
    pub facts: ModelFacts,
}

/// What a request asks for.
#[derive(Debug)]
pub enum Choice {
    Server(Server),
    /// The recorded answers in this file.
    Replay(PathBuf),
}

/// Who answers, as far as configuration tells.
#[derive(Debug)]
pub enum Server {
    Model(Box<Target>),
    /// The first model that this server lists; `Target::model` is empty.
    Listed(Box<Target>),
    /// Whatever serves models on this machine.
    Discovered,
}

#[derive(Debug)]
struct Entry {
    wire: Wire,
    address: Option<String>,
    address_setting: String,
    credential: Arc<Credential>,
    file: Option<PathBuf>,
    /// Written by the user, not implied by the environment.
    is_configured: bool,
}

#[derive(Debug)]
struct Environment {
    /// `OPENAI_API_KEY` or `OPENAI_BASE_URL` is set.
    has_openai: bool,
    openai_model: Option<String>,
    has_anthropic: bool,
}

impl Catalog {
    pub fn new(settings: &Settings, environment: &dyn Fn(&str) -> Option<String>) -> Catalog {
        let variable =
            |name: &str| environment(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let base_url = variable("OPENAI_BASE_URL");
        let mut providers: BTreeMap<String, Entry> = settings
            .providers
            .iter()
            .map(|(name, provider)| (name.clone(), entry(name, provider, &base_url, environment)))
            .collect();
        let implied = Provider { wire: Wire::OpenAi, base_url: None, key: Key::None, path: None };
        let has_openai = base_url.is_some() || variable("OPENAI_API_KEY").is_some();
        providers
            .entry(OPENAI.to_owned())
            .or_insert_with(|| Entry { is_configured: false, ..entry(OPENAI, &implied, &base_url, environment) });
        Catalog {
            main: settings.main.clone(),
            fast: settings.fast.clone(),
            providers,
            models: settings.models.clone(),
            environment: Environment {
                has_openai,
                openai_model: variable("OPENAI_MODEL"),
                has_anthropic: variable("ANTHROPIC_API_KEY").is_some(),
            },
        }
    }

    /// What `request` asks for: its own model, else its role's.
    pub fn choose(&self, request: &Request) -> Result<Choice, ModelError> {
        match request.model.as_deref().map(str::trim) {
            None | Some("") => self.role(request.role),
            Some("main") => self.role(Role::Main),
            Some("fast") => self.role(Role::Fast),
            Some(name) => self.named(name),
        }
    }

    /// Whether `name` can be chosen, as far as configuration tells.
    pub fn knows(&self, name: &str) -> bool {
        match name.split_once('/') {
            None => matches!(name, "main" | "fast" | REPLAY) || self.is_replay(name),
            Some((provider, model)) => {
                let usable = |entry: &Entry| entry.is_configured || self.environment.has_openai;
                !model.is_empty() && self.providers.get(provider).is_some_and(usable)
            }
        }
    }

    /// Whether requests of the main role stay on this machine, as far as configuration tells.
    pub fn is_local(&self) -> bool {
        match self.role(Role::Main) {
            Ok(Choice::Server(Server::Model(target) | Server::Listed(target))) => target.address.is_loopback(),
            Ok(Choice::Server(Server::Discovered)) => true,
            Ok(Choice::Replay(_)) | Err(_) => false,
        }
    }

    /// What is known about `provider/model`.
    pub fn facts(&self, name: &str) -> ModelFacts {
        self.models.get(name).cloned().unwrap_or_default()
    }

    /// All keys that are known without running a command.
    pub fn keys(&self) -> impl Iterator<Item = secrecy::SecretString> + '_ {
        self.providers.values().filter_map(|entry| entry.credential.known())
    }

    /// The error when there is no model at all: the three ways to get one.
    pub fn nothing_found(&self) -> ModelError {
        if self.environment.has_anthropic {
            let message = format!("`ANTHROPIC_API_KEY` is set, but {}", not_yet(Wire::Anthropic));
            return ModelError { kind: ModelErrorKind::Configuration, message };
        }
        configuration(
            "no model is configured: set `OPENAI_API_KEY` in the environment, or start a model server on this machine (Ollama, \
             llama.cpp, LM Studio, vLLM), or describe one in a `[providers]` table of the configuration file; `stepwright demo` \
             shows the program without any",
        )
    }

    fn role(&self, role: Role) -> Result<Choice, ModelError> {
        let name = match role {
            Role::Main => self.main.as_ref(),
            Role::Fast => self.fast.as_ref().or(self.main.as_ref()),
        };
        if let Some(name) = name {
            return self.named(name.trim());
        }
        let configured: Vec<_> = self.providers.iter().filter(|(_, entry)| entry.is_configured).collect();
        let models: Vec<_> = configured.iter().filter(|(_, entry)| entry.wire != Wire::Replay).collect();
        match (&models[..], &configured[..]) {
            ([(name, _)], _) => self.only(name, role),
            ([], _) if self.environment.has_openai => self.only(OPENAI, role),
            ([], [(name, _)]) => self.replay(name),
            ([], _) => Ok(Choice::Server(Server::Discovered)),
            _ => Err(configuration(
                "several providers are configured, but no model is chosen: set `main = \"provider/model\"` in `[roles]`",
            )),
        }
    }

    /// The role's model where only one provider comes into question.
    fn only(&self, provider: &str, role: Role) -> Result<Choice, ModelError> {
        let target = self.target(provider, "")?;
        let model = match (provider == OPENAI, &self.environment.openai_model, target.address.is_openai()) {
            (true, Some(model), _) => model.clone(),
            (true, None, true) => match role {
                Role::Main => OPENAI_MAIN.to_owned(),
                Role::Fast => OPENAI_FAST.to_owned(),
            },
            _ if target.address.is_loopback() => return Ok(Choice::Server(Server::Listed(Box::new(target)))),
            // The first of a hosted server's models may be any, at any price.
            (true, None, false) => {
                return Err(configuration(
                    "no model is chosen: set `OPENAI_MODEL` in the environment, or `main` in `[roles]`",
                ));
            }
            _ => return Err(configuration(format!("no model is chosen: set `main = \"{provider}/…\"` in `[roles]`"))),
        };
        self.model(provider, &model)
    }

    fn named(&self, name: &str) -> Result<Choice, ModelError> {
        let (provider, model) = name.split_once('/').unwrap_or((name, ""));
        if provider == REPLAY || self.is_replay(provider) {
            return self.replay(provider);
        }
        match model {
            "" if self.providers.contains_key(provider) => {
                Err(configuration(format!("`{name}` names no model: write `{provider}/…`")))
            }
            "" => Err(configuration(format!(
                "`{name}` names no provider: write `provider/model`, such as `{OPENAI}/{OPENAI_MAIN}`"
            ))),
            _ => self.model(provider, model),
        }
    }

    fn is_replay(&self, provider: &str) -> bool {
        self.providers.get(provider).is_some_and(|entry| entry.wire == Wire::Replay)
    }

    /// The replay provider of this name, else the only one there is.
    fn replay(&self, name: &str) -> Result<Choice, ModelError> {
        let mut replays = self.providers.values().filter(|entry| entry.wire == Wire::Replay);
        let entry = self.providers.get(name).filter(|entry| entry.wire == Wire::Replay).or_else(|| replays.next());
        match entry.map(|entry| &entry.file) {
            Some(Some(file)) => Ok(Choice::Replay(file.clone())),
            Some(None) => Err(configuration(format!("`[providers.{name}]` has no file to replay: set `path`"))),
            None => Err(configuration(
                "the model `replay` has no file to replay: add `[providers.replay]` with `wire = \"replay\"` and `path = \"FILE\"`, or \
                 try `stepwright demo`",
            )),
        }
    }

    fn model(&self, provider: &str, model: &str) -> Result<Choice, ModelError> {
        self.target(provider, model).map(|target| Choice::Server(Server::Model(Box::new(target))))
    }

    fn target(&self, provider: &str, model: &str) -> Result<Target, ModelError> {
        let Some(entry) = self.providers.get(provider) else {
            let near = |name: &&String| strsim::jaro_winkler(name, provider) > 0.8;
            let hint = self
                .providers
                .keys()
                .find(near)
                .map(|name| format!("did you mean `{name}`? Else "))
                .unwrap_or_default();
            return Err(configuration(format!(
                "no provider `{provider}` is configured: {hint}add `[providers.{provider}]`"
            )));
        };
        if entry.wire != Wire::OpenAi {
            return Err(configuration(format!("the provider `{provider}` can't be used: {}", not_yet(entry.wire))));
        }
        let Some(address) = &entry.address else {
            return Err(configuration(format!(
                "the provider `{provider}` has no address: set {}",
                entry.address_setting
            )));
        };
        let address = Address::parse(address)
            .map_err(|error| configuration(format!("failed to use {}: {error}", entry.address_setting)))?;
        Ok(Target {
            provider: provider.to_owned(),
            model: model.to_owned(),
            address,
            address_setting: entry.address_setting.clone(),
            credential: entry.credential.clone(),
            facts: self.facts(&format!("{provider}/{model}")),
        })
    }
}

impl Target {
    /// `provider/model`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }

    /// Whether a key was promised that isn't there. Servers on this machine rarely look at keys.
    pub fn lacks_key(&self) -> bool {
        matches!(&*self.credential, Credential::Environment { value: None, .. }) && !self.address.is_loopback()
    }
}

fn entry(
    name: &str,
    provider: &Provider,
    openai_base: &Option<String>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Entry {
    let is_openai = name == OPENAI && provider.wire == Wire::OpenAi;
    let (address, address_setting) = match (&provider.base_url, openai_base) {
        (None, Some(base)) if is_openai => (Some(base.clone()), "`OPENAI_BASE_URL`".to_owned()),
        (None, _) if is_openai => (Some(OPENAI_ADDRESS.to_owned()), "`OPENAI_BASE_URL`".to_owned()),
        (base, _) => (base.clone(), format!("`base-url` in `[providers.{name}]`")),
    };
    // Only the address that the environment names, and OpenAI itself, may get the environment's key.
    let is_trusted = |base: &str| Address::parse(base).is_ok_and(|address| address.is_openai());
    let key = match &provider.key {
        Key::None if is_openai && provider.base_url.as_deref().is_none_or(is_trusted) => {
            &Key::Env("OPENAI_API_KEY".to_owned())
        }
        key => key,
    };
    Entry {
        wire: provider.wire,
        address,
        address_setting,
        credential: Arc::new(Credential::new(key, environment)),
        file: provider.path.clone(),
        is_configured: true,
    }
}

/// Why a wire can't be used, and what works instead.
fn not_yet(wire: Wire) -> String {
    let (wire, address) = match wire {
        Wire::Anthropic => ("anthropic", "https://api.anthropic.com/v1"),
        Wire::Ollama => ("ollama", "http://127.0.0.1:11434/v1"),
        Wire::OpenAi => ("openai", OPENAI_ADDRESS),
        Wire::Replay => ("replay", "FILE"),
    };
    format!(
        "the wire `{wire}` isn't supported yet (`openai` and `replay` are); use the server's OpenAI-compatible address with \
         `wire = \"openai\"` and `base-url = \"{address}\"` in `[providers]`"
    )
}

fn configuration(message: impl Into<String>) -> ModelError {
    ModelError { kind: ModelErrorKind::Configuration, message: message.into() }
}

#[cfg(test)]
mod tests;
