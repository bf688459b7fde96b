//! What a run is asked to do, checked before anything starts. Takes resolved files and messages; reads nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use crate::{
    config::Settings,
    document::FileRef,
    engine::ports::Message,
    workflow::{Step, Tag, TagKind, Workflow, descriptor::display_name},
};

/// One run's input.
#[derive(Clone, Debug)]
pub struct Job {
    /// Unique: [`fresh_id`].
    pub run: String,
    /// The workflow's id.
    pub id: String,
    pub workflow: Arc<Workflow>,
    pub instruction: String,
    /// The references, sorted by path where they enter a prompt.
    pub files: Vec<FileRef>,
    /// The current document: the target of workflows with one target.
    pub current: Option<FileRef>,
    pub selection: Option<Selection>,
    /// Where the instruction stands, if it stands in a file.
    pub marker: Option<MarkedLines>,
    /// Earlier messages as context, in the user's order.
    pub messages: Vec<Message>,
    pub tags: BTreeMap<String, String>,
    /// Names of files that the user named for writing: for protected paths that is the confirmation.
    pub named: BTreeSet<String>,
    /// Whether closing summaries are wanted.
    pub summary: bool,
    /// The prompt document that the run was started from, and whose conversation its reply goes on with.
    pub reply_to: Option<FileRef>,
}

/// Lines of a file that the user picked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selection {
    pub file: String,
    /// 1-based, inclusive.
    pub first_line: u32,
    /// 1-based, inclusive.
    pub last_line: u32,
    pub text: String,
}

/// Lines that hold the instruction, and go when it is carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarkedLines {
    pub file: String,
    pub lines: Vec<String>,
}

/// A refusal before anything starts: one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

impl Job {
    /// "Write Tests".
    pub fn name(&self) -> String {
        display_name(&self.id)
    }

    /// The files that workflows with a target work on: the current document, else each reference.
    pub fn targets(&self) -> Vec<FileRef> {
        self.current.clone().map_or_else(|| self.files.clone(), |current| vec![current])
    }

    /// Fills in defaults and checks what can be checked before the first request. Returns warnings for the user.
    pub fn prepare(&mut self, settings: &Settings, knows_model: impl Fn(&str) -> bool) -> Result<Vec<String>, Refusal> {
        let name = self.name();
        if self.instruction.trim().is_empty() {
            self.instruction =
                self.workflow.instruction.clone().ok_or_else(|| {
                    Refusal(format!("{name} needs an instruction: say in a sentence what it is to do"))
                })?;
        }
        self.instruction = self.instruction.trim().to_owned();
        let needs = |list: &str| iterates(&self.workflow.steps, list);
        if (needs("files") && self.files.is_empty()) || (needs("targets") && self.targets().is_empty()) {
            return Err(Refusal(format!("{name} needs a file: name one, or in an editor open or select one")));
        }
        let mut warnings = Vec::new();
        let model = self.tags.get("model").filter(|model| !knows_model(model)).cloned();
        if let Some(model) = model {
            self.tags.remove("model");
            warnings.push(format!("there is no model `{model}` in the configuration; the default is used"));
        }
        let workflow = self.workflow.clone();
        for key in self.tags.keys() {
            if !crate::workflow::COMMON_TAGS.contains(&key.as_str()) && workflow.tag(key).is_none() {
                let known: Vec<_> = workflow.tags.iter().map(|tag| tag.name.as_str()).chain(["model"]).collect();
                warnings.push(format!("{name} has no tag `{key}`, so it is ignored; its tags: {}", known.join(", ")));
            }
        }
        for tag in &workflow.tags {
            self.settle(tag, settings, &mut warnings)?;
        }
        Ok(warnings)
    }

    fn settle(&mut self, tag: &Tag, settings: &Settings, warnings: &mut Vec<String>) -> Result<(), Refusal> {
        let given = self.tags.get(&tag.name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let Some(value) = given else {
            self.tags.remove(&tag.name);
            if let Some(default) = &tag.default {
                self.tags.insert(tag.name.clone(), default.clone());
            }
            return Ok(());
        };
        if tag.kind != TagKind::Number {
            self.tags.insert(tag.name.clone(), value);
            return Ok(());
        }
        let default = tag.default.clone().unwrap_or_else(|| "1".to_owned());
        let Ok(number) = value.parse::<i64>() else {
            warnings.push(format!("`{}` takes a whole number, not `{value}`; {default} is used", tag.name));
            self.tags.insert(tag.name.clone(), default);
            return Ok(());
        };
        let min = tag.min.unwrap_or(0);
        if number < i64::from(min) {
            return Err(Refusal(format!("`{}` takes a whole number of at least {min}, not {number}", tag.name)));
        }
        let number = match most(tag, settings) {
            Some(most) if number > i64::from(most) => {
                warnings.push(format!("`{}` is at most {most}, so {most} is used instead of {number}", tag.name));
                i64::from(most)
            }
            _ => number,
        };
        self.tags.insert(tag.name.clone(), number.to_string());
        Ok(())
    }
}

/// The tag whose largest value is a setting.
const PAGES: &str = "pages";

/// The largest number that a tag takes.
pub fn most(tag: &Tag, settings: &Settings) -> Option<u32> {
    if tag.name == PAGES { Some(settings.limits.max_pages) } else { tag.max }
}

/// Whether a run of these steps goes over the given list.
fn iterates(steps: &[Step], list: &str) -> bool {
    steps.iter().any(|step| match step {
        Step::ForEach(each) => each.items == list || iterates(&each.steps, list),
        _ => false,
    })
}

/// A name that no other run or document has: 64 random bits in hexadecimal.
pub fn fresh_id() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    // The standard library's only source of randomness; each state has keys of its own.
    format!("{:016x}", RandomState::new().build_hasher().finish())
}
