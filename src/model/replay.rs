//! Recorded answers, for tests, demos and work without a network. Needs no key and opens no connection.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    engine::ports::{BYTES_PER_TOKEN, Finish, ModelError, ModelErrorKind, Request, Usage},
    model::{
        openai::decode,
        output::{Ending, Output},
    },
};

/// The end of a tag's name, with the word that stands for the run's own nonce.
const NONCE: &str = "-NONCE>";

/// One answer of a replay file, which is a JSON array of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Part of the prompts that this answers.
    #[serde(rename = "match")]
    pub pattern: String,
    pub reply: String,
    /// Before the first text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub delay_ms: u64,
    /// Before each further word.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub chunk_ms: u64,
    /// A finish reason by its wire name; `stop` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
}

/// Answers with the first entry of `file` that matches the prompt.
pub async fn answer(file: &Path, request: &Request, output: &Output) -> Ending {
    // Read anew each time: who writes such a file tries, edits and tries again.
    let path = file.to_owned();
    let read = tokio::task::spawn_blocking(move || load(&path)).await;
    let entries = read.unwrap_or_else(|error| Err(failure(file, &error.to_string())))?;
    let prompt = [&*request.system, &request.shared, &request.prompt].join("\n\n");
    let prompt = without_nonce(&prompt, &request.nonce);
    let Some(entry) = entries.iter().find(|entry| prompt.contains(&entry.pattern)) else {
        let message = format!(
            "the replay file `{}` has no answer for the step `{}`: add an entry whose `match` is a part of its prompt",
            file.display(),
            request.step
        );
        return Err(ModelError { kind: ModelErrorKind::Configuration, message });
    };
    tokio::time::sleep(Duration::from_millis(entry.delay_ms)).await;
    let reply = match request.nonce.as_str() {
        "" => entry.reply.clone(),
        nonce => entry.reply.replace(NONCE, &format!("-{nonce}>")),
    };
    for (index, word) in reply.split_inclusive(char::is_whitespace).enumerate() {
        if index > 0 {
            match entry.chunk_ms {
                0 => tokio::task::yield_now().await,
                pause => tokio::time::sleep(Duration::from_millis(pause)).await,
            }
        }
        output.text(word.to_owned());
    }
    // An estimate stands in for the provider's count.
    let tokens = |bytes: usize| (bytes as f64 / BYTES_PER_TOKEN).ceil() as u64;
    let usage = Usage { input: tokens(prompt.len()), cached: 0, output: tokens(entry.reply.len()), cost: None };
    Ok((entry.finish.as_deref().map_or(Finish::Stop, decode::finish), usage))
}

/// The text as it is in a replay file, where every run finds it.
pub fn without_nonce(text: &str, nonce: &str) -> String {
    if nonce.is_empty() { text.to_owned() } else { text.replace(nonce, NONCE.trim_matches(['-', '>'])) }
}

/// Reads a replay file. The error names the file, the line, and the allowed keys.
pub fn load(file: &Path) -> Result<Vec<Entry>, ModelError> {
    let text = std::fs::read(file).map_err(|error| failure(file, &error.to_string()))?;
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
    serde_json::from_slice(text).map_err(|error| {
        failure(file, &format!("{error}; it is a JSON array of objects with `match`, `reply` and, if need be, `finish`, `delay_ms`, `chunk_ms`"))
    })
}

fn failure(file: &Path, cause: &str) -> ModelError {
    let message = format!("failed to read the replay file `{}`: {cause}", file.display());
    ModelError { kind: ModelErrorKind::Configuration, message }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
