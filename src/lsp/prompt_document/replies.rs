//! Replies in prompt documents: written while they come where the editor takes that well, else at the end; always by the one way
//! that all edits go, so that nothing typed meanwhile is lost.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tower_lsp::lsp_types::MessageType;

use super::super::{apply::Applied, runs::Asked, server::Shared};
use crate::{
    document::{
        FileRef,
        prompt::{self, LABELS},
    },
    engine::{
        Outcome, Reply,
        job::Job,
        ports::{Edit, Snapshot},
    },
    workflow::{ReplyUse, Workflow, extract},
};

/// Edits of a document that grows follow each other no faster.
const PAUSE: Duration = Duration::from_millis(250);
/// After so many edits that didn't work out, the rest comes at the end.
const MOST_FAILURES: usize = 3;

const WRITING: &str = LABELS[0];
const STOPPED: &str = LABELS[1];

/// A reply while it comes.
#[derive(Default)]
pub struct ReplyStream {
    coming: Mutex<Coming>,
    more: Notify,
}

#[derive(Default)]
struct Coming {
    step: u32,
    text: String,
}

/// Writes a stream into a document until it is told to stop.
pub struct ReplyWriter {
    pub stream: Arc<ReplyStream>,
    stop: CancellationToken,
    /// Gives what the document shows of the reply in the end.
    task: JoinHandle<Option<String>>,
}

impl ReplyStream {
    /// Text of a step whose reply is the run's last.
    pub fn push(&self, step: u32, text: &str) {
        let mut coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner);
        if coming.step != step {
            *coming = Coming { step, text: String::new() };
        }
        coming.text.push_str(text);
        drop(coming);
        self.more.notify_one();
    }

    fn text(&self) -> String {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner).text.trim().to_owned()
    }
}

impl ReplyWriter {
    /// Ends the writing, and gives what is shown of the reply.
    pub async fn finish(self) -> Option<String> {
        self.stop.cancel();
        self.task.await.ok().flatten()
    }
}

impl Shared {
    /// Starts to write the run's reply into its prompt document, if it has one and the editor takes small edits well.
    pub fn write_reply(self: &Arc<Self>, job: &Job) -> Option<ReplyWriter> {
        if !self.state().client.takes_small_edits || job.workflow.reply != ReplyUse::Conversation {
            return None;
        }
        let file = job.reply_to.clone()?;
        let (stream, stop) = (Arc::new(ReplyStream::default()), CancellationToken::new());
        let (shared, growing, stopped) = (self.clone(), stream.clone(), stop.clone());
        let task = tokio::spawn(async move { shared.grow(&file, &growing, &stopped).await });
        Some(ReplyWriter { stream, stop, task })
    }

    async fn grow(self: &Arc<Self>, file: &FileRef, stream: &ReplyStream, stop: &CancellationToken) -> Option<String> {
        let mut shown: Option<String> = None;
        let mut failures = 0;
        loop {
            // Short replies are over by then, and come in one piece.
            let more = async {
                stream.more.notified().await;
                tokio::time::sleep(PAUSE).await;
            };
            if stop.run_until_cancelled(more).await.is_none() {
                return shown;
            }
            let text = stream.text();
            if text.is_empty() || shown.as_ref() == Some(&text) {
                continue;
            }
            let old = self.text_of(file)?;
            let new = match &shown {
                None => prompt::with_reply(&old, WRITING, &text),
                // Whoever types inside it wants it for himself; the whole comes at the end.
                Some(before) => prompt::with_other_reply(&old, (WRITING, before), (WRITING, &text))?,
            };
            // Without a title: an editor that prints it would do so four times a second.
            match self.apply(&edit("", "", file, old, new), None).await {
                Ok(Applied::Done(_)) => shown = Some(text),
                Ok(Applied::Kept(_)) | Err(_) => {
                    failures += 1;
                    let now = self.text_of(file)?;
                    let arrived = prompt::with_other_reply(&now, (WRITING, &text), (WRITING, &text)).is_some();
                    if arrived {
                        shown = Some(text);
                    } else if failures >= MOST_FAILURES {
                        return shown;
                    }
                }
            }
        }
    }

    /// Puts the reply where it belongs. `shown` is what its prompt document shows of it already.
    pub async fn show_replies(self: &Arc<Self>, job: &Job, asked: &Asked, outcome: &Outcome, shown: Option<String>) {
        let (workflow, last) = (&job.workflow, outcome.replies.last());
        let Some(file) = &job.reply_to else {
            if let Some(last) = last.filter(|_| !workflow.saves()) {
                self.show_new_conversation(job, asked, last).await;
            }
            return;
        };
        if last.is_none() && shown.is_none() {
            return;
        }
        let mut failure = String::new();
        let mut waiting = None;
        for _ in 0..MOST_FAILURES {
            let old = match self.now(file).await.map(|now| now.text()) {
                Ok(Some(old)) => old,
                // The document is gone: what was paid for isn't.
                Ok(None) | Err(_) => {
                    if let Some(last) = last {
                        self.show_new_conversation(job, asked, last).await;
                    }
                    return;
                }
            };
            // A rewritten instruction is made from the one that was read; what was typed since is merged.
            let base = asked.text.clone().filter(|_| workflow.reply == ReplyUse::Instruction);
            let base = base.unwrap_or_else(|| old.clone());
            let Some(text) = finished(workflow, &base, last, shown.as_deref()) else { return };
            let edit = edit(&job.name(), &job.run, file, base, text);
            failure = match self.apply(&edit, None).await {
                Ok(Applied::Done(_)) => return,
                Ok(Applied::Kept(reason)) => reason,
                Err(error) => error.to_string(),
            };
            waiting = Some(edit);
            // What was typed at the very same moment may ask for another place.
            let is_same = self.now(file).await.is_ok_and(|now| now.text().as_ref() == Some(&old));
            if is_same {
                break;
            }
        }
        let Some(edit) = waiting else { return };
        let message = match self.keep(&edit, &failure, &self.history()).await {
            Ok(_) => format!("the reply isn't in `{}`: {failure}; it waits in the menu there", file.name),
            Err(error) => format!("the reply isn't in `{}`: {failure}; {error}", file.name),
        };
        self.outbox.message(MessageType::WARNING, message);
    }

    async fn show_new_conversation(self: &Arc<Self>, job: &Job, asked: &Asked, last: &Reply) {
        let files: Vec<_> = job.files.iter().map(|file| file.name.clone()).collect();
        let text = prompt::new(&job.id, &files, &asked.messages, &job.instruction);
        let text = prompt::with_reply(&text, &last.message, &last.text);
        self.create_and_show(&job.id, text, "the reply is there").await;
    }

    /// The text of an open document, with LF line ends.
    fn text_of(&self, file: &FileRef) -> Option<String> {
        let state = self.state();
        let (_, document) = state.document(file)?;
        Some(crate::document::format::normalize(&document.text()).into_owned())
    }
}

/// An edit of a prompt document, which the user has named by running it.
fn edit(title: &str, run: &str, file: &FileRef, base: String, text: String) -> Edit {
    let base = Snapshot { file: file.clone(), text: Some(base), version: None };
    Edit { title: title.to_owned(), run: run.to_owned(), step: 0, base, text, named: true, risk: None }
}

/// The document with what a run said; `None` when that changes nothing.
fn finished(workflow: &Workflow, text: &str, last: Option<&Reply>, shown: Option<&str>) -> Option<String> {
    let Some(Reply { message, text: said, .. }) = last else {
        // Broken off: what came is still worth reading.
        return prompt::with_other_reply(text, (WRITING, shown?), (STOPPED, shown?));
    };
    Some(match workflow.reply {
        ReplyUse::Conversation => {
            let grown = shown.and_then(|shown| prompt::with_other_reply(text, (WRITING, shown), (message, said)));
            grown.unwrap_or_else(|| prompt::with_reply(text, message, said))
        }
        ReplyUse::Instruction => prompt::with_instruction(text, said),
        ReplyUse::Questions => {
            let questions: Vec<String> = extract::list(said).into_iter().map(|item| item.text).collect();
            let questions = if questions.is_empty() { vec![said.trim().to_owned()] } else { questions };
            prompt::with_questions(text, &questions)
        }
    })
}
