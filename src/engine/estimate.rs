//! What a run would send and cost, told before anything is sent.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::{
    error::StepError,
    foresee,
    job::Job,
    money::{grouped, money},
    ports::Ports,
};

/// What is known of a run before it begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimate {
    /// "Write Tests".
    pub workflow: String,
    /// By name: what would be sent.
    pub files: BTreeMap<String, SentFile>,
    /// By `provider/model`.
    pub models: BTreeMap<String, SentTo>,
    /// What the number of requests depends on, in sentences; empty when it is known.
    pub open: Vec<String>,
    /// Tokens.
    pub input: u64,
    /// Tokens that the answers are expected to have.
    pub output: u64,
    /// USD; `None` when a price is unknown.
    pub cost: Option<f64>,
    /// USD that are left of the run's cap and of the day's.
    pub left: [Option<f64>; 2],
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentFile {
    /// In one request.
    pub tokens: u64,
    pub requests: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SentTo {
    pub requests: usize,
    pub is_price_known: bool,
}

/// Estimates a prepared job. Reads what the run would read; sends no prompt, writes nothing, and tells nobody else.
pub async fn estimate(job: Job, ports: Ports) -> Result<Estimate, StepError> {
    foresee::run(job, ports).await
}

impl Estimate {
    pub fn requests(&self) -> usize {
        self.models.values().map(|model| model.requests).sum()
    }

    pub(super) fn say_open(&mut self, words: String) {
        if !self.open.contains(&words) {
            self.open.push(words);
        }
    }

    /// The smallest that is left of a cap, if the run is expected to cost more.
    pub fn passes(&self) -> Option<f64> {
        let left = self.left.iter().flatten().copied().reduce(f64::min)?;
        self.cost.filter(|cost| *cost > left).map(|_| left.max(0.0))
    }

    /// One line that says it all, for a person.
    pub fn headline(&self) -> String {
        let models: Vec<_> = self.models.keys().map(String::as_str).collect();
        format!(
            "{} to {}: about {} tokens in, {} out, {}",
            self.volume(),
            models.join(" and "),
            grouped(self.input),
            grouped(self.output),
            self.money()
        )
    }

    /// "Auto would send 2 files in 3 requests"
    pub fn volume(&self) -> String {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let files = match self.files.len() {
            0 => "no files".to_owned(),
            n => count(n, "file"),
        };
        let least = if self.open.is_empty() { "" } else { "at least " };
        let requests = format!("{least}{}", count(self.requests(), "request"));
        format!("{} would send {files} in {requests}", self.workflow)
    }

    /// What it is expected to cost.
    pub fn money(&self) -> String {
        self.cost.map_or("price unknown".to_owned(), money)
    }

    /// What else a person should know before the run, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.open.clone();
        let unknown: Vec<_> = self.models.iter().filter(|(_, model)| !model.is_price_known).collect();
        notes.extend(unknown.iter().map(|(name, _)| {
            format!("Nobody knows what {name} costs; set `price` in `[models.\"{name}\"]` of your configuration file.")
        }));
        for (left, of) in self.left.iter().zip(["for each run", "for today"]) {
            if let Some(left) = left {
                notes.push(format!("Your caps leave {} {of}.", money(*left)));
            }
        }
        if self.passes().is_some() {
            notes.push("The run would stop before it is done, at a cap.".to_owned());
        }
        if self.cost != Some(0.0) {
            notes.push("Thinking that a model does counts as tokens out, and can't be foreseen.".to_owned());
        }
        notes
    }

    pub fn to_json(&self) -> Json {
        let files = self.files.iter().map(
            |(name, SentFile { tokens, requests })| json!({ "file": name, "tokens": tokens, "requests": requests }),
        );
        let models = self.models.iter().map(|(name, SentTo { requests, is_price_known })| {
            json!({ "model": name, "requests": requests, "price_known": is_price_known })
        });
        json!({
            "workflow": self.workflow,
            "files": files.collect::<Vec<_>>(),
            "models": models.collect::<Vec<_>>(),
            "requests": self.requests(),
            "requests_may_grow": self.open,
            "input_tokens": self.input,
            "output_tokens": self.output,
            "cost_usd": self.cost.map(rounded),
            "run_left_usd": self.left[0].map(rounded),
            "day_left_usd": self.left[1].map(rounded),
            "warnings": self.warnings,
        })
    }
}

/// Without what sums of binary fractions add.
fn rounded(amount: f64) -> f64 {
    const PARTS: f64 = 1e9;
    (amount * PARTS).round() / PARTS
}
