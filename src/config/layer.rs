//! Puts one layer on top of the settings so far. The only place that knows who may set what.
//!
//! Invariant: editor settings and workspace files name no server, no key and no model, and raise no limit.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{
    Deserialize as _,
    de::value::{Error, StrDeserializer},
};

use super::{
    CHECK_TIMEOUT, Check, Key, Layer, ModelFacts, Price, Provider, Review, Settings, UnknownPrice, Wire,
    check::takes,
    duration,
    options::{
        LimitOptions, ModelOptions, Options, ProviderOptions, RULES, ReviewName, StrengthName, UnknownPriceName,
        WireName,
    },
    presets,
};

/// What the gate and the timeouts use when nobody sets them; a lower layer's silence means these.
const CONCURRENCY: usize = 4;
const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(120);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// What a client is told at its start, under the same section; not configuration.
const CLIENT_KEYS: [&str; 4] = ["events", "input-box", "server", "trace"];

/// Is told the dotted path of a setting that is refused, and why.
pub type Refuse<'a> = &'a mut dyn FnMut(&str, String);

impl Layer {
    /// Whether this layer may set a key of the top level. Everything not named here is the user's alone.
    pub fn may_set(self, key: &str, user_file: &str) -> Result<(), String> {
        let (allowed, place): (&[&str], _) = match self {
            Layer::User => return Ok(()),
            Layer::Editor => (
                &["check", "ignore", "limits", "marker", "menu", "presets", "review", "summary", "tests"],
                "editor settings, because a workspace can change those",
            ),
            Layer::Workspace => (&["check", "ignore", "limits", "menu", "presets", "review", "tests"], "a workspace"),
        };
        if allowed.contains(&key) {
            return Ok(());
        }
        Err(format!("`{key}` can't be set by {place}: put it into {user_file}"))
    }

    /// Whether a key belongs to the talk between editor and server, and is none of ours.
    pub fn skips(self, key: &str) -> bool {
        self == Layer::Editor && CLIENT_KEYS.contains(&key)
    }
}

/// The settings while layers are put onto them.
#[derive(Debug)]
pub struct Draft {
    settings: Settings,
    /// The file where the user may set everything, as messages name it.
    user_file: String,
    /// A timeout may be set in a lower layer than the command.
    check_timeout: Option<Duration>,
}

impl Draft {
    pub fn new(user_file: String) -> Self {
        Self { settings: Settings::default(), user_file, check_timeout: None }
    }

    pub fn user_file(&self) -> &str {
        &self.user_file
    }

    pub fn finish(self) -> Settings {
        self.settings
    }

    /// `folder` is where the layer's file is, for relative paths in it.
    pub fn apply(&mut self, options: Options, layer: Layer, folder: Option<&Path>, refuse: Refuse) {
        let settings = &mut self.settings;
        settings.main = options.roles.main.or(settings.main.take());
        settings.fast = options.roles.fast.or(settings.fast.take());
        for (name, written) in options.providers {
            if let Some(provider) = provider(&name, written, folder, refuse) {
                settings.providers.insert(name, provider);
            }
        }
        settings.models.extend(options.models.into_iter().map(|(name, written)| (name, facts(written))));
        limits(settings, options.limits, layer, &self.user_file, refuse);
        self.check_timeout = options.check.timeout.as_deref().and_then(duration::parse).or(self.check_timeout);
        let timeout = self.check_timeout.unwrap_or(CHECK_TIMEOUT);
        if let Some(command) = options.check.command {
            settings.check = Some(Check { command, timeout, source: layer });
        } else if let Some(check) = &mut settings.check {
            check.timeout = timeout;
        }
        for written in options.presets {
            let preset = presets::preset(written, false);
            match settings.presets.iter_mut().find(|known| known.id == preset.id) {
                Some(known) => *known = preset,
                None => settings.presets.push(preset),
            }
        }
        settings.hidden.extend(options.menu.hide);
        settings.summary = options.summary.unwrap_or(settings.summary);
        if let Some(written) = options.review.map(review) {
            if layer == Layer::User || written >= settings.review {
                settings.review = written;
            } else {
                let message = format!("`review` can only be made stricter here; to see less, edit {}", self.user_file);
                refuse("review", message);
            }
        }
        if let Some(marker) = options.marker {
            settings.marker = marker;
        }
        for rule in options.ignore {
            if layer != Layer::User && rule.trim_start().starts_with('!') {
                refuse("ignore", "only your own file can take an ignore rule back with `!`".into());
            } else {
                settings.ignore.push(rule);
            }
        }
        if let Some(path) = options.tests.path {
            if path.split('/').any(|part| part == "..") {
                refuse("tests.path", "`path` takes a place below the workspace root, so `..` can't be in it".into());
            } else {
                settings.tests = Some(path);
            }
        }
        for folder in options.trust {
            if folder.is_absolute() {
                settings.trust.push(folder);
            } else {
                refuse("trust", "`trust` takes absolute folders, without `~` and variables".into());
            }
        }
    }
}

fn review(written: ReviewName) -> Review {
    match written {
        ReviewName::Never => Review::Never,
        ReviewName::Risky => Review::Risky,
        ReviewName::Always => Review::Always,
    }
}

fn provider(name: &str, written: ProviderOptions, folder: Option<&Path>, refuse: Refuse) -> Option<Provider> {
    let path = format!("providers.{name}");
    let by_name = || WireName::deserialize(StrDeserializer::<Error>::new(name)).ok();
    let Some(wire) = written.wire.or_else(by_name) else {
        let rule = &RULES["properties"]["providers"]["additionalProperties"]["properties"]["wire"];
        refuse(&path, format!("a provider of this name needs `wire`, which takes {}", takes(rule)));
        return None;
    };
    let wire = match wire {
        WireName::OpenAi => Wire::OpenAi,
        WireName::Anthropic => Wire::Anthropic,
        WireName::Ollama => Wire::Ollama,
        WireName::Replay => Wire::Replay,
    };
    if wire == Wire::Replay && written.path.is_none() {
        refuse(&path, "a replay provider needs `path`, the file with its replies".into());
        return None;
    }
    let key = match (written.key_env, written.key_command) {
        (Some(name), command) => {
            if command.is_some() {
                let message = "`key-env` and `key-command` exclude each other; `key-env` is used";
                refuse(&format!("{path}.key-command"), message.into());
            }
            Key::Env(name)
        }
        (None, Some(command)) => Key::Command(command),
        (None, None) => Key::None,
    };
    let beside = |file: PathBuf| match folder {
        Some(folder) => folder.join(file),
        None => file,
    };
    Some(Provider { wire, base_url: written.base_url, key, path: written.path.map(beside) })
}

fn facts(written: ModelOptions) -> ModelFacts {
    ModelFacts {
        context_window: written.context_window,
        max_output_tokens: written.max_output_tokens,
        is_strong: written.strength.map(|strength| strength == StrengthName::Strong),
        price: written.price.map(|price| Price { input: price.input, cached: price.cached, output: price.output }),
    }
}

fn limits(settings: &mut Settings, written: LimitOptions, layer: Layer, user_file: &str, refuse: Refuse) {
    let limits = &mut settings.limits;
    let mut lower = Lower { layer, user_file, refuse };
    let same = |number: &f64| number.to_string();
    lower.set("concurrency", &mut limits.concurrency, written.concurrency, Some(CONCURRENCY), usize::to_string);
    lower.set("max-cost-per-run", &mut limits.max_cost_per_run, written.max_cost_per_run, None, same);
    lower.set("max-cost-per-day", &mut limits.max_cost_per_day, written.max_cost_per_day, None, same);
    let timeout = |text: Option<String>| text.as_deref().and_then(duration::parse);
    let show = |time: &Duration| duration::show(*time);
    let first_byte = timeout(written.first_byte_timeout);
    lower.set("first-byte-timeout", &mut limits.first_byte_timeout, first_byte, Some(FIRST_BYTE_TIMEOUT), show);
    let idle = timeout(written.idle_timeout);
    lower.set("idle-timeout", &mut limits.idle_timeout, idle, Some(IDLE_TIMEOUT), show);
    let mut pages = Some(limits.max_pages);
    lower.set("max-pages", &mut pages, written.max_pages, None, u32::to_string);
    limits.max_pages = pages.unwrap_or(limits.max_pages);
    match (written.unknown_price, layer) {
        (Some(UnknownPriceName::Refuse), _) => limits.unknown_price = UnknownPrice::Refuse,
        (Some(UnknownPriceName::Run), Layer::User) => limits.unknown_price = UnknownPrice::Run,
        (Some(UnknownPriceName::Run), _) if limits.unknown_price == UnknownPrice::Refuse => {
            let message = format!("`unknown-price` can only be made stricter here; to allow more, edit {user_file}");
            (lower.refuse)("limits.unknown-price", message);
        }
        _ => {}
    }
}

/// Sets limits: as written for the user, downwards only for the others.
struct Lower<'a> {
    layer: Layer,
    user_file: &'a str,
    refuse: Refuse<'a>,
}

impl Lower<'_> {
    fn set<T: PartialOrd + Copy>(
        &mut self,
        key: &str,
        limit: &mut Option<T>,
        written: Option<T>,
        unset: Option<T>,
        show: impl Fn(&T) -> String,
    ) {
        let Some(written) = written else { return };
        match limit.or(unset) {
            Some(now) if self.layer != Layer::User && written > now => {
                let (now, file) = (show(&now), self.user_file);
                let message =
                    format!("`{key}` can only be lowered here, and it is {now} already; to raise it, edit {file}");
                (self.refuse)(&format!("limits.{key}"), message);
            }
            _ => *limit = Some(written),
        }
    }
}
