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
    /// Held while the file is rewritten.
    writing: Arc<Mutex<()>>,
}

impl Recorder {
    pub fn new(file: PathBuf) -> Recorder {
        Recorder { file, writing: Arc::default() }
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
                Ok(Delta::Done { finish, .. }) => recorder.write(entry(&request, &reply, finish, &keys())).await,
                Ok(Delta::Waiting { .. }) | Err(_) => {}
            }
            Some((item, (answer, reply, recorder, request, keys)))
        })
        .boxed()
    }

    async fn write(&self, entry: replay::Entry) {
        let Recorder { file, writing } = self.clone();
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
