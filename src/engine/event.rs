//! What a run tells its observer, and the JSON in which command line and editor clients get it.

use std::time::Duration;

use serde_json::{Value, json};

use super::ports::Usage;
use crate::{
    document::FileRef,
    workflow::{
        Status,
        descriptor::{Descriptor, response},
    },
};

/// One thing that happened in the run named by `run`.
#[derive(Clone, Debug)]
pub struct Event {
    pub run: String,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// The steps known now. Comes first, and again whenever steps become known or the run's own status changes.
    Workflow(Descriptor),
    Step(StepEvent),
    /// Text of a streamed step, as it comes.
    Text {
        step_id: u32,
        text: String,
    },
    /// A step waits before its request is sent, or sent again.
    Waiting {
        step_id: u32,
        delay: Duration,
        reason: String,
    },
    Edit(FileOutcome),
    /// Of the whole run so far.
    Usage(Usage),
    /// Something the user should know although the run goes on.
    Warning(String),
    /// The last event of a run.
    End {
        status: Status,
        summary: String,
        files: Vec<FileOutcome>,
    },
}

/// A change of a step's status.
#[derive(Clone, Debug)]
pub struct StepEvent {
    pub step_id: u32,
    pub module: String,
    pub status: Status,
    pub response: Option<String>,
    pub file_name: Option<String>,
    pub error: Option<String>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileOutcome {
    pub file: FileRef,
    pub action: Action,
    pub reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Created,
    Changed,
    Pending,
    Refused,
}

impl Action {
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Pending => "pending",
            Self::Refused => "refused",
        }
    }
}

impl Event {
    /// The event's public name and its fields; `None` for what has no public form.
    pub fn to_json(&self) -> Option<(&'static str, Value)> {
        let (name, mut fields) = match &self.kind {
            Kind::Workflow(descriptor) => ("workflow", json!({ "workflow": descriptor })),
            Kind::Step(step) => ("step", step.to_json()),
            Kind::Text { step_id, text } => ("text", json!({ "step_id": step_id, "text": text })),
            Kind::Edit(outcome) => ("edit", outcome.to_json()),
            Kind::Usage(usage) => (
                "usage",
                json!({
                    "input_tokens": usage.input,
                    "output_tokens": usage.output,
                    "cached_tokens": usage.cached,
                    "cost_usd": usage.cost,
                }),
            ),
            Kind::End { status, summary, .. } => ("end", json!({ "status": status, "summary": summary })),
            Kind::Waiting { .. } | Kind::Warning(_) => return None,
        };
        fields["run"] = json!(self.run);
        Some((name, fields))
    }
}

impl StepEvent {
    fn to_json(&self) -> Value {
        let mut fields = json!({ "step_id": self.step_id, "status": self.status });
        if let Some(text) = &self.response {
            fields["response"] = response(Some(text));
        }
        for (key, value) in [("file_name", &self.file_name), ("error", &self.error)] {
            if let Some(value) = value {
                fields[key] = json!(value);
            }
        }
        fields
    }
}

impl FileOutcome {
    /// With the file's name; editor clients put the URI in its place.
    pub fn to_json(&self) -> Value {
        let mut fields = json!({ "file": self.file.name, "action": self.action.name() });
        if let Some(reason) = &self.reason {
            fields["reason"] = json!(reason);
        }
        fields
    }
}
