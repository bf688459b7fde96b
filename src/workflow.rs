//! What a workflow is: data in the user's own format, parsed and checked. No async, no model, no disk, no editor.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub mod catalog;
mod check;
pub use check::{COMMON_TAGS, nearest};
pub mod descriptor;
pub mod extract;
pub mod template;

pub use template::Template;

/// A workflow as its file says it. Built-in ones are written in the same format as a user's own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Workflow {
    /// Shown in the code-action menu; `{{file}}` is replaced by the current file's name.
    pub title: Template,
    /// Where the action is offered.
    #[serde(default)]
    pub offer: Offer,
    /// What becomes of the reply when it is run from a prompt document.
    #[serde(default)]
    pub reply: ReplyUse,
    /// Used when the user gives no instruction. Without it, an empty instruction is refused.
    #[serde(default)]
    pub instruction: Option<String>,
    /// Values that the user may set, beside `model`.
    #[serde(default)]
    pub tags: Vec<Tag>,
    /// Said to the model before every prompt, after the program's own rules.
    #[serde(default)]
    pub system: Template,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// Tells two versions of the file apart.
    #[serde(skip)]
    pub fingerprint: u64,
}

/// The spot at which a workflow is offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Offer {
    /// In every document.
    #[default]
    File,
    /// Where something is selected.
    Selection,
    /// For the selected files together.
    Files,
    /// In prompt documents only.
    Prompt,
}

/// What becomes of a run's last reply in the prompt document that it was started from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ReplyUse {
    /// It is the next turn of the conversation.
    #[default]
    Conversation,
    /// Its list is put below the instruction, with room for answers, which are part of the instruction from then on.
    Questions,
    /// It takes the place of the instruction.
    Instruction,
}

/// A value that the user may set for a run.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Tag {
    pub name: String,
    #[serde(default, rename = "type")]
    pub kind: TagKind,
    #[serde(default)]
    pub default: Option<String>,
    /// Smallest number that is accepted.
    #[serde(default)]
    pub min: Option<u32>,
    /// Largest number; a greater one is lowered to it.
    #[serde(default)]
    pub max: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TagKind {
    #[default]
    Text,
    Number,
    Path,
}

/// One variant per verb of the engine. Closed on purpose: a new verb is Rust, a new workflow is data.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Step {
    Chat(Chat),
    Ask(Ask),
    Save(Save),
    TestFile(TestFile),
    Check(Check),
    ForEach(ForEach),
}

/// Sends a prompt and shows the reply, streamed; the reply is kept as a message.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Chat {
    pub module: Template,
    #[serde(default)]
    pub description: Template,
    #[serde(default)]
    pub role: Role,
    pub prompt: Template,
    /// Variable that holds the reply for later steps.
    #[serde(default)]
    pub into: Option<String>,
    /// A closing summary, which the user can turn off.
    #[serde(default)]
    pub summary: bool,
}

/// Sends a prompt and uses the reply, without showing it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ask {
    pub module: Template,
    #[serde(default)]
    pub description: Template,
    #[serde(default)]
    pub role: Role,
    #[serde(default)]
    pub expect: Expect,
    /// How many list items to insist on, once.
    #[serde(default)]
    pub count: Option<Template>,
    /// How many items or files to take at the most.
    #[serde(default)]
    pub at_most: Option<usize>,
    /// A tag whose value, if the user set it, is the answer; then the step isn't part of the run.
    #[serde(default)]
    pub from_tag: Option<String>,
    pub prompt: Template,
    pub into: String,
}

/// Asks for a file's content and edits that file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Save {
    pub module: Template,
    #[serde(default)]
    pub description: Template,
    #[serde(default)]
    pub role: Role,
    /// Workspace-relative path.
    pub file: Template,
    #[serde(default)]
    pub mode: Mode,
    /// What an appending step does with text that was there before the run: `append`, `replace` or `ask`.
    #[serde(default)]
    pub existing: Option<Template>,
    pub prompt: Template,
    /// Answers to ask for and merge, 1 to 5.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 5))]
    pub best_of: u32,
    /// Rounds of writing; each after the first reviews and improves, 1 to 5.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 5))]
    pub loops: u32,
}

/// Finds where the tests of a source file go.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TestFile {
    pub module: Template,
    #[serde(default)]
    pub description: Template,
    #[serde(default = "fast")]
    pub role: Role,
    /// Workspace-relative path of the file under test.
    pub source: Template,
    /// Asks for a path when no rule knows one.
    pub prompt: Template,
    pub into: String,
}

/// Runs the workspace's check command, repairs the file with its output, and drops tests that still fail.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Check {
    pub module: Template,
    #[serde(default)]
    pub description: Template,
    #[serde(default)]
    pub role: Role,
    pub file: Template,
    /// Repairs at the most.
    #[serde(default = "three")]
    pub attempts: u32,
    /// Asks for a repaired file; `{{output}}` is what the command printed.
    pub prompt: Template,
}

/// Runs `steps` once per item, each in a scope of its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ForEach {
    /// A variable that holds a list: `files`, `targets`, or what an earlier step put `into`.
    pub items: String,
    #[serde(rename = "as")]
    pub name: String,
    /// Iterations side by side; 0: as many as the concurrency limit allows.
    #[serde(default = "one")]
    pub parallel: u32,
    #[serde(default)]
    pub on_error: OnError,
    pub steps: Vec<Step>,
}

/// Which of the two models a step uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    #[default]
    Main,
    Fast,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Fast => "fast",
        }
    }
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Expect {
    #[default]
    Text,
    Line,
    List,
    Files,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    #[default]
    Replace,
    Append,
}

/// What a failing iteration does to the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    #[default]
    Stop,
    Continue,
}

/// Of a step, and of a workflow as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    #[default]
    Pending,
    InProgress,
    Streaming,
    Finished,
    Error,
    Cancelled,
    Skipped,
    Interrupted,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InProgress => "in-progress",
            Self::Streaming => "streaming",
            Self::Finished => "finished",
            Self::Error => "error",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether nothing more happens after it.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::InProgress | Self::Streaming)
    }
}

impl Step {
    /// Module and description; a for-each has none of its own.
    pub fn heading(&self) -> Option<(&Template, &Template)> {
        match self {
            Self::Chat(step) => Some((&step.module, &step.description)),
            Self::Ask(step) => Some((&step.module, &step.description)),
            Self::Save(step) => Some((&step.module, &step.description)),
            Self::TestFile(step) => Some((&step.module, &step.description)),
            Self::Check(step) => Some((&step.module, &step.description)),
            Self::ForEach(_) => None,
        }
    }

    /// Of the step's own requests.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Chat(step) => Some(step.role),
            Self::Ask(step) => Some(step.role),
            Self::Save(step) => Some(step.role),
            Self::TestFile(step) => Some(step.role),
            Self::Check(step) => Some(step.role),
            Self::ForEach(_) => None,
        }
    }
}

impl Workflow {
    /// Whether a run needs words from the user.
    pub fn needs_instruction(&self) -> bool {
        self.instruction.is_none()
    }

    pub fn tag(&self, name: &str) -> Option<&Tag> {
        self.tags.iter().find(|tag| tag.name == name)
    }

    /// Whether a prompt of it uses a variable.
    pub fn mentions(&self, name: &str) -> bool {
        fn any(steps: &[Step], name: &str) -> bool {
            steps.iter().any(|step| match step {
                Step::Chat(step) => step.prompt.mentions(name),
                Step::Ask(step) => step.prompt.mentions(name),
                Step::Save(step) => step.prompt.mentions(name),
                Step::TestFile(step) => step.prompt.mentions(name),
                Step::Check(step) => step.prompt.mentions(name),
                Step::ForEach(each) => any(&each.steps, name),
            })
        }
        any(&self.steps, name)
    }

    /// Whether its runs edit files.
    pub fn saves(&self) -> bool {
        fn any(steps: &[Step]) -> bool {
            steps.iter().any(|step| match step {
                Step::Save(_) => true,
                Step::ForEach(each) => any(&each.steps),
                _ => false,
            })
        }
        any(&self.steps)
    }
}

/// JSON Schema of workflow files.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Workflow).to_value()
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

fn fast() -> Role {
    Role::Fast
}
