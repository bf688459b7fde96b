//! Results that wait for the user: applied, discarded or shown when asked for. One is given up only when the document shows it, or by name.

use std::sync::Arc;

use tower_lsp::lsp_types::{MessageType, Url};

use super::{
    apply::{Applied, CONFIRM_TIMEOUT},
    command::ResultName,
    server::Shared,
    state::Pending,
};
use crate::{
    document::{FileRef, edit::unified_diff, merge::CONFLICT_END},
    engine::{
        journal::EditState,
        ports::{Edit, Saved, Snapshot},
    },
    history::report,
};

impl Shared {
    pub fn apply_command(self: &Arc<Self>, name: ResultName) {
        // The client has carried out the edit that came with the action, and no result waits behind it.
        if name.edit.is_some() {
            return;
        }
        let results = self.take_pending(&name);
        if results.is_empty() {
            return self.outbox.message(MessageType::INFO, "there is no such result to apply");
        }
        for pending in results {
            let shared = self.clone();
            // The client applies the edit that came with the action; a second one would do it twice.
            if name.inline {
                tokio::spawn(async move { shared.acknowledge(pending).await });
            } else {
                tokio::spawn(async move { shared.apply_pending(pending).await });
            }
        }
    }

    /// Results of a run; and a run that was interrupted, which the user doesn't want to go on with.
    pub fn discard_command(self: &Arc<Self>, name: ResultName) {
        let dropped = self.take_pending(&name);
        let forgotten = self.take_resumable(name.run.as_deref().filter(|_| name.file.is_none()));
        let text = match (dropped.len(), &forgotten) {
            (0, Some(run)) => format!("{} won't be resumed", run.name()),
            (0, None) => "there is no such result to discard".to_owned(),
            (1, _) => "discarded 1 waiting result".to_owned(),
            (n, _) => format!("discarded {n} waiting results"),
        };
        self.outbox.message(MessageType::INFO, text);
        let history = self.history();
        tokio::spawn(async move {
            for pending in dropped {
                log(history.set_edit(pending.edit, EditState::Discarded).await);
            }
            if let Some(run) = forgotten {
                log(history.forget(&run.run).await);
            }
        });
    }

    /// A result beside what the file is now.
    pub async fn show_result(self: &Arc<Self>, pending: &Pending) {
        let now = match self.now(&pending.file).await {
            Ok(now) => now.text(),
            Err(error) => return self.outbox.message(MessageType::ERROR, error.to_string()),
        };
        let name = &pending.file.name;
        let text = pending.merged_into(now.as_deref());
        let conflict = if text.contains(CONFLICT_END) {
            "\nThe same lines were changed in both; applying the result keeps both sides, marked.\n"
        } else {
            ""
        };
        let diff = report::fenced("diff", &unified_diff(name, now.as_deref(), &text));
        let text =
            format!("# Result of {} for {}\n{conflict}\n{diff}", report::escaped(&pending.name), report::escaped(name));
        self.show_report(&format!("{}-{}", pending.run, pending.edit), text).await;
    }

    /// Another edit took the result's place.
    pub async fn took_place(&self, pending: &Pending) {
        log(self.history().set_edit(pending.edit, EditState::Discarded).await);
    }

    /// The result is kept until the document shows it.
    async fn acknowledge(self: &Arc<Self>, pending: Pending) {
        let named = pending.file.name.clone();
        let current = match self.now(&pending.file).await {
            Ok(now) => now.text(),
            Err(error) => return self.keep_waiting(pending, &error.to_string()),
        };
        // Where both changed the same lines, the text with the marks in it is the result.
        let marked = current.as_ref().is_some_and(|text| text.contains(CONFLICT_END));
        let text = pending.merged_into(current.as_deref());
        let Some(url) = super::convert::url(&pending.file) else {
            return self.keep_waiting(pending, "the editor has no name for this file");
        };
        let expectation = self.expect(url, &text);
        if marked || self.shows(&expectation, &pending.file, &text, false, CONFIRM_TIMEOUT).await {
            log(self.history().set_edit(pending.edit, EditState::Applied).await);
            let text = format!("applied the result of {} to {named}", pending.name);
            return self.outbox.message(MessageType::INFO, text);
        }
        self.keep_waiting(pending, "the document doesn't show it");
    }

    fn keep_waiting(&self, pending: Pending, reason: &str) {
        let text = format!("failed to apply the result to `{}`: {reason}; it still waits", pending.file.name);
        self.state().pending.push(pending);
        self.outbox.message(MessageType::WARNING, text);
    }

    /// Makes the edit against the text as it is now: the user asked for it.
    async fn apply_pending(self: &Arc<Self>, pending: Pending) {
        let applied = match self.now(&pending.file).await {
            Ok(now) => {
                let edit = Edit {
                    title: pending.name.clone(),
                    run: pending.run.clone(),
                    step: 0,
                    text: pending.merged_into(now.text().as_deref()),
                    base: Snapshot { file: pending.file.clone(), text: now.text(), version: None },
                    named: true,
                    risk: None,
                };
                self.apply(&edit, Some(&self.history())).await
            }
            Err(error) => Err(error),
        };
        match applied {
            Ok(Applied::Done(saved)) => {
                self.took_place(&pending).await;
                let text = match saved {
                    Saved::Unchanged => format!("{} has this result already", pending.file.name),
                    _ => format!("applied the result of {} to {}", pending.name, pending.file.name),
                };
                self.outbox.message(MessageType::INFO, text);
            }
            Ok(Applied::Kept(reason)) => self.keep_waiting(pending, &reason),
            Err(error) => self.keep_waiting(pending, &error.to_string()),
        }
    }

    /// Removes and returns the results that are meant; no name means all.
    fn take_pending(&self, name: &ResultName) -> Vec<Pending> {
        let pending = &mut self.state().pending;
        let (taken, kept) = std::mem::take(pending).into_iter().partition(|pending| name.means(pending));
        *pending = kept;
        taken
    }
}

impl ResultName {
    pub fn means(&self, pending: &Pending) -> bool {
        self.run.as_ref().is_none_or(|run| *run == pending.run)
            && self.file.as_ref().is_none_or(|file| *file == pending.file.name || is_url_of(file, &pending.file))
    }
}

/// What can't be kept of a choice that took effect is no reason to take it back.
pub fn log<T>(result: Result<T, impl std::fmt::Display>) {
    if let Err(error) = result {
        tracing::warn!("{error}");
    }
}

fn is_url_of(text: &str, file: &FileRef) -> bool {
    Url::parse(text).ok().is_some_and(|url| Some(url) == super::convert::url(file))
}
