//! Keeps a real provider's answers in a replay file. Knows the port, not the provider.

use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use futures::stream::{self, BoxStream, StreamExt};
use secrecy::SecretString;

use crate::{
    engine::ports::{Delta, Finish, ModelError, Request},
    model::{redact, replay},
};

type Answer<'a> = BoxStream<'a, Result<Delta, ModelError>>;

/// Appends to one file.
#[derive(Clone, Debug)]
pub struct Recorder {
    file: PathBuf,
    documents: Documents,
    /// Held while the file is rewritten.
    writing: Arc<Mutex<()>>,
}

/// What becomes of the texts that the user works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Documents {
    Kept,
    /// For a bug report. An entry is found by its prompt's last line, and its reply is what the model wrote of its own.
    LeftOut,
}

impl Recorder {
    pub fn new(file: PathBuf, documents: Documents) -> Recorder {
        Recorder { file, documents, writing: Arc::default() }
    }

    /// Passes `answer` on; its end comes when it is on disk. A record that can't be written fails no run, but is logged. `keys` is asked
    /// at the end, when all keys that were used are known.
    pub fn record<'a>(
        &self,
        answer: Answer<'a>,
        request: &Request,
        keys: impl Fn() -> Vec<SecretString> + Send + 'a,
    ) -> Answer<'a> {
        let begin = (answer, String::new(), self.clone(), request.clone(), keys);
        stream::unfold(begin, |(mut answer, mut reply, recorder, request, keys)| async move {
            let item = answer.next().await?;
            match &item {
                Ok(Delta::Text(text)) => reply.push_str(text),
                Ok(Delta::Done { finish, .. }) => {
                    let entry = entry(&request, &reply, finish, &keys());
                    recorder.write(recorder.without_documents(entry, &request)).await;
                }
                Ok(Delta::Waiting { .. }) | Err(_) => {}
            }
            Some((item, (answer, reply, recorder, request, keys)))
        })
        .boxed()
    }

    fn without_documents(&self, entry: replay::Entry, request: &Request) -> replay::Entry {
        if self.documents == Documents::Kept {
            return entry;
        }
        let shared = replay::without_nonce(&request.shared, &request.nonce);
        // What stands above the last line is documents, or was made from them: selections, messages, drafts.
        let (above, last) = last_line(&entry.pattern);
        let reply = redact::without_documents(&entry.reply, &[&shared, above]);
        replay::Entry { pattern: last.to_owned(), reply, ..entry }
    }

    async fn write(&self, entry: replay::Entry) {
        let Recorder { file, writing, .. } = self.clone();
        let written = tokio::task::spawn_blocking(move || {
            let _guard = writing.lock().unwrap_or_else(PoisonError::into_inner);
            append(&file, entry)
        });
        if let Err(error) = written.await.map_err(anyhow::Error::from).and_then(|result| result) {
            tracing::error!("failed to record an answer in `{}`: {error:#}", self.file.display());
        }
    }
}

fn entry(request: &Request, reply: &str, finish: &Finish, keys: &[SecretString]) -> replay::Entry {
    let clean = |text: &str| {
        let text = replay::without_nonce(text, &request.nonce);
        keys.iter().fold(text, |text, key| redact::without_key(&text, Some(key)))
    };
    let finish = match finish {
        Finish::Stop => None,
        Finish::Length => Some("length".to_owned()),
        Finish::Blocked(_) => Some("content_filter".to_owned()),
        Finish::Unexpected(name) => Some(name.clone()),
    };
    replay::Entry { pattern: clean(&request.prompt), reply: clean(reply), delay_ms: 0, chunk_ms: 0, finish }
}

/// The last line that isn't blank, or a tag that ends a document, and what stands above it.
fn last_line(prompt: &str) -> (&str, &str) {
    let mut end = prompt.len();
    for line in prompt.rsplit('\n') {
        let start = end - line.len();
        if !line.trim().is_empty() && !line.starts_with("</document-") {
            return (&prompt[..start], line);
        }
        end = start.saturating_sub(1);
    }
    ("", "")
}

/// Rewrites the file as a whole, so that it is valid at every moment.
fn append(file: &Path, entry: replay::Entry) -> anyhow::Result<()> {
    let mut entries = if file.exists() { replay::load(file)? } else { Vec::new() };
    entries.push(entry);
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer_pretty(&mut new, &entries)?;
    new.write_all(b"\n")?;
    new.persist(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_says_which_step_it_is() {
        for (prompt, above, last) in [
            ("a\nb\n\nAsk for c.\n", "a\nb\n\n", "Ask for c."),
            ("one", "", "one"),
            ("\n\n", "", ""),
            ("", "", ""),
            ("é\n\u{2029}", "", "é"),
            ("Look at this:\n</document-NONCE>\n", "", "Look at this:"),
        ] {
            assert_eq!(last_line(prompt), (above, last), "{prompt:?}");
        }
    }
}
