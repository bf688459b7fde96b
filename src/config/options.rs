//! The settings as people write them: the one definition of keys, types and ranges.
//!
//! The JSON Schema is derived from these types, and the same schema decides what is a mistake. Beside what JSON Schema
//! knows, a field may carry: `x-takes` (what to write, in words), `x-whole` (a list that makes no sense with an item
//! missing), `x-unique` (the key that tells the items of a list apart), `x-essential` (without it the table would mean
//! something else, so the table goes when it is wrong), `x-name` (never a key), `x-key` (the pattern of a table's keys).

use std::{collections::BTreeMap, path::PathBuf, sync::LazyLock};

use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde::Deserialize;
use serde_json::Value;

use super::duration;

const MODEL: &str = r"^([^/\s]+/\S+|replay)$";
const DURATION: &str = "a duration such as \"120s\", \"2m\" or \"500ms\"";
const COMMAND: &str = "a program and its arguments, such as [\"cargo\", \"test\"]";

/// The configuration of stepwright.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schemars(title = "stepwright configuration")]
pub struct Options {
    /// Which models do the work. Only in the user's own file.
    pub roles: RoleOptions,
    /// Model servers by name. Only in the user's own file.
    #[schemars(extend("x-key" = r"^[^/\s]+$"))]
    pub providers: BTreeMap<String, ProviderOptions>,
    /// Facts about models, by `provider/model`, that can't be found out by asking. Only in the user's own file.
    #[schemars(extend("x-key" = r"^[^/\s]+/\S+$"))]
    pub models: BTreeMap<String, ModelOptions>,
    /// What a run may use up. Editor settings and workspaces can only lower these.
    pub limits: LimitOptions,
    /// How to test a workspace. Runs only in trusted workspaces.
    pub check: CheckOptions,
    /// Ready-made instructions, offered as code actions.
    #[schemars(extend("x-unique" = "id"))]
    pub presets: Vec<PresetOptions>,
    /// What the code-action menu shows.
    pub menu: MenuOptions,
    /// Whether workflows end with a summary step.
    pub summary: Option<bool>,
    /// Which edits wait until you have looked at them: `risky` ones (they would lose more than half of a file, touch a file that runs
    /// code, or hide characters), all of them, or `never` for size alone. Editor settings and workspaces can only make it stricter.
    pub review: Option<ReviewName>,
    /// The word that begins a comment marker: `AI` for `AI: add a test`.
    #[schemars(
        regex(pattern = r"^\p{L}[\p{L}\p{N}_-]{0,31}$"),
        extend("x-takes" = "one word without the colon, such as \"AI\"")
    )]
    pub marker: Option<String>,
    /// Files that are never sent, as rules in gitignore syntax. Only the user's own file can take rules back with `!`.
    #[schemars(inner(length(min = 1)))]
    pub ignore: Vec<String>,
    /// Where new test files go.
    pub tests: TestOptions,
    /// Folders whose workspaces are trusted whatever they contain. Only in the user's own file.
    #[schemars(with = "Vec<String>", inner(length(min = 1)))]
    pub trust: Vec<PathBuf>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[schemars(inline)]
pub struct RoleOptions {
    /// The model that plans and writes, as `provider/model`.
    #[schemars(regex(pattern = MODEL), extend("x-takes" = "a model as \"provider/model\""))]
    pub main: Option<String>,
    /// The model that names, determines files and summarizes; `main` when absent.
    #[schemars(regex(pattern = MODEL), extend("x-takes" = "a model as \"provider/model\""))]
    pub fast: Option<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ProviderOptions {
    /// How the server is spoken to; the provider's name when that is one of these.
    #[schemars(extend("x-essential" = true))]
    pub wire: Option<WireName>,
    /// Where the server is, such as `http://localhost:8080/v1`.
    #[schemars(
        regex(pattern = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"),
        extend("x-essential" = true, "x-takes" = "an address such as \"https://api.openai.com/v1\", without user, password or query")
    )]
    pub base_url: Option<String>,
    /// The environment variable that holds the key.
    #[schemars(
        regex(pattern = "^[A-Za-z_][A-Za-z0-9_]*$"),
        extend("x-name" = true, "x-takes" = "the name of the environment variable that holds the key, such as \"OPENAI_API_KEY\"")
    )]
    pub key_env: Option<String>,
    /// The command that prints the key.
    #[schemars(
        length(min = 1),
        extend("x-whole" = true, "x-takes" = "a program and its arguments, such as [\"pass\", \"show\", \"openai\"]")
    )]
    pub key_command: Option<Vec<String>>,
    /// The replay provider's file, relative to the file that names it.
    #[schemars(with = "Option<String>", length(min = 1))]
    pub path: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WireName {
    OpenAi,
    Anthropic,
    Ollama,
    Replay,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ModelOptions {
    /// Tokens that fit into the model.
    #[schemars(range(min = 1024, max = 100_000_000))]
    pub context_window: Option<u64>,
    /// Tokens that an answer may have.
    #[schemars(range(min = 16, max = 100_000_000))]
    pub max_output_tokens: Option<u64>,
    /// Whether the model edits large files well: `strong` ones are asked for the changed parts alone.
    pub strength: Option<StrengthName>,
    /// USD per million tokens.
    #[schemars(extend("x-takes" = "a table such as { input = 0.25, cached = 0.025, output = 2.0 }"))]
    pub price: Option<PriceOptions>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StrengthName {
    Weak,
    Strong,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PriceOptions {
    /// Of a prompt.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub input: f64,
    /// Of the part of a prompt that the server remembers; `input` when absent.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub cached: Option<f64>,
    /// Of an answer.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub output: f64,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct LimitOptions {
    /// Requests side by side.
    #[schemars(range(min = 1, max = 64))]
    pub concurrency: Option<usize>,
    /// USD; a run that would pass it stops before the call.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_cost_per_run: Option<f64>,
    /// USD; counted over all runs of a day.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_cost_per_day: Option<f64>,
    /// What to do when a cap is set and nobody knows a model's price: `run` says once that the cap can't be kept.
    pub unknown_price: Option<UnknownPriceName>,
    /// How long a server may take to begin its answer.
    #[schemars(regex(pattern = duration::PATTERN), extend("x-takes" = DURATION))]
    pub first_byte_timeout: Option<String>,
    /// How long a server may fall silent within an answer.
    #[schemars(regex(pattern = duration::PATTERN), extend("x-takes" = DURATION))]
    pub idle_timeout: Option<String>,
    /// Pages that the Write pages workflow may write.
    #[schemars(range(min = 1, max = 1000))]
    pub max_pages: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownPriceName {
    Run,
    Refuse,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReviewName {
    Never,
    Risky,
    Always,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct CheckOptions {
    /// The program and its arguments; no shell. `{file}` is replaced by the test file.
    #[schemars(length(min = 1), extend("x-whole" = true, "x-takes" = COMMAND))]
    pub command: Option<Vec<String>>,
    /// How long the command may run.
    #[schemars(regex(pattern = duration::PATTERN), extend("x-takes" = DURATION))]
    pub timeout: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PresetOptions {
    /// The preset's name in commands.
    #[schemars(
        regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"),
        extend("x-takes" = "a name of letters, digits, `-`, `_` and `.`, such as \"doc\"")
    )]
    pub id: String,
    /// The menu title; `{{file}}` is replaced by the current file's name, or by the selected lines.
    #[schemars(length(min = 1))]
    pub title: String,
    /// Where it is offered: everywhere (`file`), first where lines are selected (`lines`), on comments (`comment`), or where the
    /// editor shows diagnostics (`diagnostics`), which then join the instruction.
    #[serde(default)]
    pub offer: PresetOfferName,
    /// The workflow that carries the instruction out.
    #[schemars(length(min = 1))]
    pub workflow: String,
    /// What to do.
    #[schemars(length(min = 1))]
    pub instruction: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PresetOfferName {
    #[default]
    File,
    Lines,
    Comment,
    Diagnostics,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MenuOptions {
    /// Actions that are left out of the menu: ids of workflows and presets, or `marker`, `run-selection`, `retry`, `resume`,
    /// `forget`, `revert`, `select`, `select-open`, `select-changed`, `clear`, `estimate`, `add-open`, `add-selected`, `use-reply`.
    #[schemars(inner(length(min = 1)))]
    pub hide: Vec<String>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TestOptions {
    /// The test file for a source file, below the workspace root: `{dir}`, `{name}`, `{stem}` and `{ext}` are the source
    /// file's folder, name, name without extension, and extension.
    #[schemars(
        regex(pattern = r"^([^{}/\\]|\{(dir|name|stem|ext)\})([^{}\\]|\{(dir|name|stem|ext)\})*$"),
        extend("x-takes" = "a path below the workspace root such as \"tests/test_{stem}.{ext}\", with {dir}, {name}, {stem} and {ext}")
    )]
    pub path: Option<String>,
}

/// JSON Schema (draft 7, which TOML editors understand) of configuration files.
pub fn schema() -> Value {
    let mut schema = RULES.clone();
    strip_rules(&mut schema);
    schema
}

/// The schema with our own rules in it.
pub static RULES: LazyLock<Value> = LazyLock::new(|| {
    SchemaSettings::draft07()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(leave_out_null))
        .into_generator()
        .into_root_schema_for::<Options>()
        .to_value()
});

/// TOML has no null; an absent key says the same. The number formats repeat Rust's types, which tell nobody anything.
fn leave_out_null(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    // An optional table is written as a choice between it and null.
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
    object.retain(|key, value| !(key == "default" && value.is_null() || key == "format"));
}

fn strip_rules(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.retain(|key, _| !key.starts_with("x-"));
            object.values_mut().for_each(strip_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_rules),
        _ => {}
    }
}
