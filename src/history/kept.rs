//! The stored forms of domain types, which aren't serializable themselves: a database outlives what code looks like.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use crate::{
    document::{FileRef, Place},
    engine::{
        event::{Action, FileOutcome},
        job::{Job, MarkedLines, Selection},
        journal::{Left, TestPlace},
        ports::Message,
    },
    workflow::{
        Workflow,
        template::{Item, Value},
    },
};

/// What a run was asked to do, as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptJob {
    pub run: String,
    /// The workflow's id. The workflow itself stays in its file; [`Self::into_job`] asks whether it is still the same.
    pub workflow: String,
    fingerprint: u64,
    instruction: String,
    files: Vec<KeptFile>,
    current: Option<KeptFile>,
    selection: Option<KeptSelection>,
    marker: Option<KeptMarker>,
    messages: Vec<KeptMessage>,
    tags: BTreeMap<String, String>,
    named: BTreeSet<String>,
    summary: bool,
    reply_to: Option<KeptFile>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptFile {
    name: String,
    place: KeptPlace,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeptPlace {
    Disk(String),
    /// A path that isn't Unicode.
    Bytes(Vec<u8>),
    Buffer(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptSelection {
    file: String,
    first_line: u32,
    last_line: u32,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptMarker {
    file: String,
    lines: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptMessage {
    prompt: String,
    reply: String,
}

/// What a finished step left.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeptLeft {
    pub response: Option<String>,
    pub file_name: Option<String>,
    output: Vec<(String, KeptValue)>,
    tests: Option<(String, bool)>,
    file: Option<(String, Option<KeptOutcome>)>,
    message: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KeptValue {
    Text(String),
    List(Vec<KeptItem>),
    File(String),
    Files(Vec<KeptItem>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptItem {
    text: String,
    purpose: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct KeptOutcome {
    file: KeptFile,
    action: String,
    reason: Option<String>,
}

impl KeptJob {
    /// The job again. Refused with a sentence when the workflow's file has changed: finished steps would no longer be the steps that the
    /// file describes.
    pub fn into_job(self, workflow: Arc<Workflow>) -> Result<Job, String> {
        if workflow.fingerprint != self.fingerprint {
            let Self { run, workflow, .. } = self;
            return Err(format!(
                "failed to go on with run `{run}`: the workflow `{workflow}` has changed since; start it anew"
            ));
        }
        Ok(Job {
            run: self.run,
            id: self.workflow,
            workflow,
            instruction: self.instruction,
            files: self.files.into_iter().map(FileRef::from).collect(),
            current: self.current.map(FileRef::from),
            selection: self.selection.map(|kept| {
                let KeptSelection { file, first_line, last_line, text } = kept;
                Selection { file, first_line, last_line, text }
            }),
            marker: self.marker.map(|KeptMarker { file, lines }| MarkedLines { file, lines }),
            messages: self
                .messages
                .into_iter()
                .map(|kept| Message { prompt: kept.prompt, reply: kept.reply })
                .collect(),
            tags: self.tags,
            named: self.named,
            summary: self.summary,
            reply_to: self.reply_to.map(FileRef::from),
        })
    }
}

impl From<&Job> for KeptJob {
    fn from(job: &Job) -> Self {
        Self {
            run: job.run.clone(),
            workflow: job.id.clone(),
            fingerprint: job.workflow.fingerprint,
            instruction: job.instruction.clone(),
            files: job.files.iter().map(KeptFile::from).collect(),
            current: job.current.as_ref().map(KeptFile::from),
            selection: job.selection.clone().map(|selection| {
                let Selection { file, first_line, last_line, text } = selection;
                KeptSelection { file, first_line, last_line, text }
            }),
            marker: job.marker.clone().map(|MarkedLines { file, lines }| KeptMarker { file, lines }),
            messages: job
                .messages
                .iter()
                .cloned()
                .map(|Message { prompt, reply }| KeptMessage { prompt, reply })
                .collect(),
            tags: job.tags.clone(),
            named: job.named.clone(),
            summary: job.summary,
            reply_to: job.reply_to.as_ref().map(KeptFile::from),
        }
    }
}

impl From<&FileRef> for KeptFile {
    fn from(file: &FileRef) -> Self {
        let place = match &file.place {
            Place::Buffer(uri) => KeptPlace::Buffer(uri.clone()),
            Place::Disk(path) => match path.to_str() {
                Some(path) => KeptPlace::Disk(path.to_owned()),
                None => KeptPlace::Bytes(path_bytes(path)),
            },
        };
        Self { name: file.name.clone(), place }
    }
}

impl From<KeptFile> for FileRef {
    fn from(KeptFile { name, place }: KeptFile) -> Self {
        let place = match place {
            KeptPlace::Disk(path) => Place::Disk(PathBuf::from(path)),
            KeptPlace::Bytes(bytes) => Place::Disk(path_of(bytes)),
            KeptPlace::Buffer(uri) => Place::Buffer(uri),
        };
        Self { name, place }
    }
}

#[cfg(unix)]
fn path_bytes(path: &std::path::Path) -> Vec<u8> {
    std::os::unix::ffi::OsStrExt::as_bytes(path.as_os_str()).to_vec()
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes))
}

// Elsewhere such a path has no bytes of its own; what is like it is found missing, and never written.
#[cfg(not(unix))]
fn path_bytes(path: &std::path::Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&bytes).into_owned())
}

impl From<&Left> for KeptLeft {
    fn from(left: &Left) -> Self {
        Self {
            response: left.response.clone(),
            file_name: left.file_name.clone(),
            output: left.output.iter().map(|(name, value)| (name.clone(), KeptValue::from(value))).collect(),
            tests: left.tests.clone().map(|TestPlace { path, inline }| (path, inline)),
            file: left.file.clone().map(|(words, outcome)| (words, outcome.map(KeptOutcome::from))),
            message: left.message.clone(),
        }
    }
}

impl From<KeptLeft> for Left {
    fn from(kept: KeptLeft) -> Self {
        Self {
            response: kept.response,
            file_name: kept.file_name,
            output: kept.output.into_iter().map(|(name, value)| (name, Value::from(value))).collect(),
            tests: kept.tests.map(|(path, inline)| TestPlace { path, inline }),
            file: kept.file.map(|(words, outcome)| (words, outcome.map(FileOutcome::from))),
            message: kept.message,
        }
    }
}

impl From<&Value> for KeptValue {
    fn from(value: &Value) -> Self {
        let items =
            |items: &[Item]| items.iter().cloned().map(|Item { text, purpose }| KeptItem { text, purpose }).collect();
        match value {
            Value::Text(text) => Self::Text(text.clone()),
            Value::List(list) => Self::List(items(list)),
            Value::File(name) => Self::File(name.clone()),
            Value::Files(files) => Self::Files(items(files)),
        }
    }
}

impl From<KeptValue> for Value {
    fn from(kept: KeptValue) -> Self {
        let items =
            |items: Vec<KeptItem>| items.into_iter().map(|KeptItem { text, purpose }| Item { text, purpose }).collect();
        match kept {
            KeptValue::Text(text) => Self::Text(text),
            KeptValue::List(list) => Self::List(items(list)),
            KeptValue::File(name) => Self::File(name),
            KeptValue::Files(files) => Self::Files(items(files)),
        }
    }
}

impl From<FileOutcome> for KeptOutcome {
    fn from(FileOutcome { file, action, reason }: FileOutcome) -> Self {
        Self { file: KeptFile::from(&file), action: action.name().to_owned(), reason }
    }
}

impl From<KeptOutcome> for FileOutcome {
    fn from(KeptOutcome { file, action, reason }: KeptOutcome) -> Self {
        let known = [Action::Created, Action::Changed, Action::Pending, Action::Refused];
        let action = known.into_iter().find(|known| known.name() == action).unwrap_or(Action::Changed);
        Self { file: file.into(), action, reason }
    }
}
