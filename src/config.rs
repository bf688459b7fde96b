//! What the user set: types of the resolved settings.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// Everything the program was told, resolved from all layers. See `contract` in the documentation for who may set what.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `provider/model` for planning and writing.
    pub main: Option<String>,
    /// `provider/model` for naming, determining files and summaries; `main` when absent.
    pub fast: Option<String>,
    pub providers: BTreeMap<String, Provider>,
    /// Facts about models by `provider/model`.
    pub models: BTreeMap<String, ModelFacts>,
    pub limits: Limits,
    pub check: Option<Check>,
    pub presets: Vec<Preset>,
    /// Whether workflows end with a summary step.
    pub summary: bool,
    /// The word that begins a comment marker.
    pub marker: String,
    /// Extra ignore rules, in gitignore syntax.
    pub ignore: Vec<String>,
    /// Where new test files go, with `{name}`, `{stem}`, `{ext}`, `{dir}`; `None`: found out.
    pub tests: Option<String>,
}

/// One `[providers.NAME]` table.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    pub wire: Wire,
    pub base_url: Option<String>,
    pub key: Key,
    /// The replay provider's file.
    pub path: Option<PathBuf>,
}

/// How a provider is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    OpenAi,
    Anthropic,
    Ollama,
    Replay,
}

/// Where a key comes from. The key itself is never here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    None,
    Env(String),
    Command(Vec<String>),
}

/// What can't be found out by asking a server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelFacts {
    /// Tokens.
    pub context_window: Option<u64>,
    /// Tokens.
    pub max_output_tokens: Option<u64>,
    pub price: Option<Price>,
}

/// USD per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    pub input: f64,
    pub cached: Option<f64>,
    pub output: f64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Requests side by side; `None`: 4, on loopback the server's slots, else 1.
    pub concurrency: Option<usize>,
    /// USD.
    pub max_cost_per_run: Option<f64>,
    /// USD.
    pub max_cost_per_day: Option<f64>,
    pub unknown_price: UnknownPrice,
    /// `None`: 120 s, on loopback 300 s.
    pub first_byte_timeout: Option<Duration>,
    /// `None`: 60 s, on loopback 300 s.
    pub idle_timeout: Option<Duration>,
    /// Of Write pages.
    pub max_pages: u32,
}

/// What to do with a model whose price nobody knows, when a cap is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownPrice {
    Run,
    Refuse,
}

/// The command that tests a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub command: Vec<String>,
    pub timeout: Duration,
}

/// A ready-made instruction, offered as a code action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    pub id: String,
    pub title: String,
    pub workflow: String,
    pub instruction: String,
}

/// Something wrong in a file that the user wrote. What is right in it still works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 1-based; `None` for files as a whole.
    pub line: Option<u32>,
    /// One sentence that says what to do.
    pub message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}
