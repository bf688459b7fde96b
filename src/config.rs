//! What the user set: types of the resolved settings.
//!
//! The files behind them are read and judged below this module; nothing here knows an editor, a network or a workflow.
//! Invariant: a mistake in a file is a [`Problem`], never an error, and takes nothing with it that is right.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

mod check;
mod duration;
pub mod folders;
mod layer;
mod load;
mod options;
mod presets;
mod secret;
mod tree;
pub mod trust;

#[cfg(test)]
mod tests;

pub use load::{Loaded, Places, Source, Sources, load, read};
pub use options::schema;
pub use secret::{names_a_key, shown};

/// The workflow of a comment marker without one.
const MARKER_WORKFLOW: &str = "auto";

/// The workflow that carries out a selected text.
const SELECTION_WORKFLOW: &str = "write";

/// How long a check command may run when nobody says.
pub const CHECK_TIMEOUT: Duration = Duration::from_secs(300);

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
    /// The user's own; see [`Settings::all_presets`].
    pub presets: Vec<Preset>,
    /// What is left out of the menu, by its names there.
    pub hidden: BTreeSet<String>,
    /// Whether workflows end with a summary step.
    pub summary: bool,
    /// Which edits a person looks at before they are made.
    pub review: Review,
    /// The word that begins a comment marker.
    pub marker: String,
    /// Extra ignore rules, in gitignore syntax.
    pub ignore: Vec<String>,
    /// Where new test files go, with `{name}`, `{stem}`, `{ext}`, `{dir}`; `None`: found out.
    pub tests: Option<String>,
    /// Absolute folders whose workspaces the user trusts whatever they contain; only the user file sets them.
    pub trust: Vec<PathBuf>,
}

/// Where a setting was written, lowest first. Only the user's own file says where prompts and money go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The user's own file.
    User,
    /// The editor's settings. Editors merge files of the workspace into those, so they are trusted no more than that.
    Editor,
    /// `.stepwright/config.toml` in the workspace root.
    Workspace,
}

/// One `[providers.NAME]` table.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    pub wire: Wire,
    pub base_url: Option<String>,
    pub key: Key,
    /// The replay provider's file; a relative one was resolved against the file that names it.
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
    /// Whether it edits parts of large files well.
    pub is_strong: Option<bool>,
}

/// USD per million tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    pub input: f64,
    pub cached: Option<f64>,
    pub output: f64,
}

/// What a run may use up.
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

/// Which edits a person looks at before they are made. Later ones are stricter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Review {
    /// Only those of protected files, and with invisible characters.
    Never,
    /// Those as well that would lose more than half of a file.
    #[default]
    Risky,
    Always,
}

/// The command that tests a workspace. It runs workspace code, so it never runs before the workspace is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub command: Vec<String>,
    pub timeout: Duration,
    /// Who wrote `command`. Unless it was the user, trust is bound to its text: [`trust::Content`].
    pub source: Layer,
}

/// A ready-made instruction, offered as a code action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    pub id: String,
    pub title: String,
    pub workflow: String,
    pub instruction: String,
    pub offer: PresetOffer,
    /// Nobody asked for it, so it goes where there is room.
    pub is_built_in: bool,
}

/// The spot at which a preset is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PresetOffer {
    File,
    /// Above all where lines are selected.
    Lines,
    /// On a comment.
    Comment,
    /// Where the editor shows diagnostics, which join the instruction.
    Diagnostics,
}

/// Something wrong in a file that the user wrote. What is right in it still works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// 1-based; `None` for files as a whole.
    pub line: Option<u32>,
    /// One sentence that says what to do.
    pub message: String,
}

impl Settings {
    /// The user's presets, then the built-in ones, unless the user has one of that name.
    pub fn all_presets(&self) -> impl Iterator<Item = &Preset> {
        let is_own = |id: &str| self.presets.iter().any(|preset| preset.id == id);
        self.presets.iter().chain(presets::BUILT_IN.iter().filter(move |preset| !is_own(&preset.id)))
    }

    /// What carries out a selected text.
    pub fn selection_workflow(&self) -> String {
        SELECTION_WORKFLOW.to_owned()
    }

    /// What a comment marker runs that names no workflow.
    pub fn marker_workflow(&self) -> String {
        MARKER_WORKFLOW.to_owned()
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            main: None,
            fast: None,
            providers: BTreeMap::new(),
            models: BTreeMap::new(),
            limits: Limits::default(),
            check: None,
            presets: Vec::new(),
            hidden: BTreeSet::new(),
            summary: true,
            review: Review::default(),
            marker: "AI".into(),
            ignore: Vec::new(),
            tests: None,
            trust: Vec::new(),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            concurrency: None,
            max_cost_per_run: None,
            max_cost_per_day: None,
            unknown_price: UnknownPrice::Run,
            first_byte_timeout: None,
            idle_timeout: None,
            max_pages: 10,
        }
    }
}
