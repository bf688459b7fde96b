//! Which model a name means: roles, providers, environment, replay. Asks no server; discovery is for its caller.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use crate::{
    config::{Key, ModelFacts, Provider, Settings, Wire},
    engine::ports::{ModelError, ModelErrorKind, Request},
    model::{
        address::Address,
        dialect::Dialect,
        key::Credential,
        vendor::{self, OLLAMA_HOST, VENDORS, Vendor},
    },
    workflow::Role,
};

mod known;

/// The name that always means recorded answers.
pub const REPLAY: &str = "replay";

/// Everything that is known about models before a server is asked.
#[derive(Debug)]
pub struct Catalog {
    main: Option<String>,
    fast: Option<String>,
    providers: BTreeMap<String, Entry>,
    models: BTreeMap<String, ModelFacts>,
    /// Whose key or address is in the environment, in the order in which they are preferred.
    at_hand: Vec<AtHand>,
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
    /// Nobody chose `model`: the newest listed one whose name has this in it stands in for it.
    pub family: Option<&'static str>,
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

/// A provider that the environment knows.
#[derive(Debug)]
struct AtHand {
    vendor: &'static Vendor,
    /// What the environment says to use.
    model: Option<String>,
}

impl Catalog {
    pub fn new(settings: &Settings, environment: &dyn Fn(&str) -> Option<String>) -> Catalog {
        let variable =
            |name: &str| environment(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let entry = |name: &str, provider: &Provider| entry(name, provider, &variable);
        let mut providers: BTreeMap<String, Entry> =
            settings.providers.iter().map(|(name, provider)| (name.clone(), entry(name, provider))).collect();
        let mut at_hand = Vec::new();
        for vendor in &VENDORS {
            let implied = Provider { wire: vendor.wire, base_url: None, key: Key::None, path: None };
            let implied = || Entry { is_configured: false, ..entry(vendor.provider, &implied) };
            providers.entry(vendor.provider.to_owned()).or_insert_with(implied);
            if let Some(names) = &vendor.variables
                && (variable(names.key).is_some() || variable(names.base_url).is_some())
            {
                at_hand.push(AtHand { vendor, model: variable(names.model) });
            }
        }
        Catalog {
            main: settings.main.clone(),
            fast: settings.fast.clone(),
            providers,
            models: settings.models.clone(),
            at_hand,
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

    /// The providers that the user configured.
    pub fn configured(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().filter(|(_, entry)| entry.is_configured).map(|(name, _)| name.as_str())
    }

    /// The providers whose models can be chosen by name: configured ones, and those that the environment knows.
    pub fn usable(&self) -> impl Iterator<Item = &str> {
        let is_usable = |name: &str, entry: &Entry| entry.is_configured || self.is_at_hand(name);
        self.providers.iter().filter(move |(name, entry)| is_usable(name, entry)).map(|(name, _)| name.as_str())
    }

    /// A provider by its name, without a model.
    pub fn provider(&self, name: &str) -> Result<Choice, ModelError> {
        match self.is_replay(name) {
            true => self.replay(name),
            false => self.target(name, "").map(|target| Choice::Server(Server::Listed(Box::new(target)))),
        }
    }

    /// Whether `name` can be chosen, as far as configuration tells.
    pub fn knows(&self, name: &str) -> bool {
        match name.split_once('/') {
            None => matches!(name, "main" | "fast" | REPLAY) || self.is_replay(name),
            Some((provider, model)) => {
                let usable =
                    |entry: &Entry| entry.is_configured || entry.wire == Wire::Ollama || self.is_at_hand(provider);
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
        configuration(
            "no model is configured: set `OPENAI_API_KEY` or `ANTHROPIC_API_KEY` in the environment, or start a model server on \
             this machine (Ollama, llama.cpp, LM Studio, vLLM), or describe one in a `[providers]` table of the configuration file; `stepwright demo` \
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
        match (&models[..], &self.at_hand[..], &configured[..]) {
            ([(name, _)], ..) => self.only(name, role),
            ([], [first, ..], _) => self.only(first.vendor.provider, role),
            ([], _, [(name, _)]) => self.replay(name),
            ([], ..) => Ok(Choice::Server(Server::Discovered)),
            _ => Err(configuration(
                "several providers are configured, but no model is chosen: set `main = \"provider/model\"` in `[roles]`",
            )),
        }
    }

    /// The role's model where only one provider comes into question.
    fn only(&self, provider: &str, role: Role) -> Result<Choice, ModelError> {
        let target = self.target(provider, "")?;
        let at_hand = self.at_hand.iter().find(|at_hand| at_hand.vendor.provider == provider);
        let chosen = at_hand.and_then(|at_hand| at_hand.model.as_deref());
        let usual = || Vendor::of(provider)?.known(role).filter(|_| target.address.is_vendor());
        let (model, family) = match (chosen, usual()) {
            (Some(model), _) => (model, None),
            (None, Some(known)) => (known.model, known.family),
            (None, None) => ("", None),
        };
        if model.is_empty() {
            if target.address.is_loopback() {
                return Ok(Choice::Server(Server::Listed(Box::new(target))));
            }
            // The first of a hosted server's models may be any, at any price.
            let variable = at_hand.and_then(|at_hand| Some(at_hand.vendor.variables.as_ref()?.model));
            return Err(configuration(match variable {
                Some(name) => {
                    format!("no model is chosen: set `{name}` in the environment, or `main` in `[roles]`")
                }
                None => format!("no model is chosen: set `main = \"{provider}/…\"` in `[roles]`"),
            }));
        }
        let target = self.target(provider, model)?;
        Ok(Choice::Server(Server::Model(Box::new(Target { family, ..target }))))
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
                "`{name}` names no provider: write `provider/model`, such as `openai/gpt-5-mini`"
            ))),
            _ => self.model(provider, model),
        }
    }

    fn is_at_hand(&self, provider: &str) -> bool {
        self.at_hand.iter().any(|at_hand| at_hand.vendor.provider == provider)
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
        let (Some(address), Some(dialect)) = (&entry.address, Dialect::of(entry.wire)) else {
            return Err(configuration(format!(
                "the provider `{provider}` has no address: set {}",
                entry.address_setting
            )));
        };
        let address = Address::parse(address, dialect)
            .map_err(|error| configuration(format!("failed to use {}: {error}", entry.address_setting)))?;
        Ok(Target {
            provider: provider.to_owned(),
            model: model.to_owned(),
            address,
            address_setting: entry.address_setting.clone(),
            credential: entry.credential.clone(),
            facts: self.facts(&format!("{provider}/{model}")),
            family: None,
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

fn entry(name: &str, provider: &Provider, variable: &dyn Fn(&str) -> Option<String>) -> Entry {
    // A table of the user's may have a vendor's name and another wire; then it is none of the vendor's.
    let vendor = Vendor::of(name).filter(|vendor| vendor.wire == provider.wire);
    let variables = vendor.and_then(|vendor| vendor.variables.as_ref());
    let own_setting = || format!("`base-url` in `[providers.{name}]`");
    let (address, address_setting) = match (&provider.base_url, variables, vendor) {
        (Some(base), ..) => (Some(base.clone()), own_setting()),
        (None, Some(names), Some(vendor)) => {
            let address = variable(names.base_url).unwrap_or_else(|| vendor.address.to_owned());
            (Some(address), format!("`{}`", names.base_url))
        }
        // Where there is only one place that a wire can mean, nobody has to write it.
        (None, ..) => {
            let vendor = Vendor::speaking(provider.wire).filter(|vendor| vendor.wire != Wire::OpenAi);
            let moved = variable(OLLAMA_HOST).filter(|_| provider.wire == Wire::Ollama);
            let address = moved.map(|host| vendor::ollama_address(&host));
            (address.or(vendor.map(|vendor| vendor.address.to_owned())), own_setting())
        }
    };
    // The environment's key goes to nobody but the vendor itself and the address that the environment names.
    let is_vendors = || {
        let address = Dialect::of(provider.wire).and_then(|dialect| Address::parse(address.as_ref()?, dialect).ok());
        address.is_some_and(|address| address.is_vendor())
    };
    let is_environments = variables.is_some() && provider.base_url.is_none();
    let theirs = Vendor::speaking(provider.wire).and_then(|vendor| vendor.variables.as_ref());
    let key = match (&provider.key, theirs) {
        (Key::None, Some(names)) if is_environments || is_vendors() => &Key::Env(names.key.to_owned()),
        (key, _) => key,
    };
    Entry {
        wire: provider.wire,
        address,
        address_setting,
        credential: Arc::new(Credential::new(key, variable)),
        file: provider.path.clone(),
        is_configured: true,
    }
}

fn configuration(message: impl Into<String>) -> ModelError {
    ModelError { kind: ModelErrorKind::Configuration, message: message.into() }
}

#[cfg(test)]
mod tests;
