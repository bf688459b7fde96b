//! The save-file step: asks for content, and edits the file only after a complete, accepted answer.

use super::{
    Run,
    budget::Document,
    error::StepError,
    event::{Action, FileOutcome},
    format::Form,
    journal::{Held, Left},
    ports::{Edit, Request, Risk, Saved, Snapshot, WorkspaceError},
    prompt,
    request::Composed,
    step::Scope,
};
use crate::{
    document::{
        FileRef,
        answer::{self, Extracted, Flag, Target},
        marker,
    },
    workflow::{Mode, Save},
};

impl Run {
    pub(super) async fn save(&self, id: u32, save: &Save, scope: &Scope) -> Result<Left, StepError> {
        let name = self.render(&save.module, &save.file, scope)?;
        let result = match self.file(&name) {
            Ok(file) => self.write(id, save, scope, &file).await,
            Err(error) => Err(error),
        };
        if let Err(StepError::Workspace(WorkspaceError::Refused { reason, .. })) = &result {
            let file = FileRef { name: name.clone(), place: crate::document::Place::Buffer(name.clone()) };
            let outcome = FileOutcome { file, action: Action::Refused, reason: Some(reason.clone()) };
            self.record_edit(outcome, format!("was refused: {reason}"));
        }
        let response = result?;
        Ok(Left { response: Some(response), file_name: Some(name), ..Left::default() })
    }

    async fn write(&self, id: u32, save: &Save, scope: &Scope, file: &FileRef) -> Result<String, StepError> {
        // Asked before anything is paid for; asked again when the edit is made.
        self.ports.workspace.may_write(file)?;
        if let Some(edit) = self.edited_before(id) {
            return self.edit_again(id, edit, scope).await;
        }
        match save.mode {
            Mode::Replace => self.replace(id, save, scope, file).await,
            Mode::Append => self.append(id, save, scope, file).await,
        }
    }

    async fn replace(&self, id: u32, save: &Save, scope: &Scope, file: &FileRef) -> Result<String, StepError> {
        let base = self.effect(self.ports.workspace.read(file)).await?;
        let current = self.current_text(&base);
        let target = Target { name: &file.name, original: current.as_deref(), nonce: &self.nonce };
        let form = self.form(save.role, scope, target).await?;
        let document = current.as_ref().map(|text| prompt::document(&self.nonce, file, text)).unwrap_or_default();
        let composed = self.compose_for(&save.module, &save.prompt, scope, &file.name, &document).await?;
        let extracted = self.content(id, save, composed, &form).await?;
        self.edit(id, base, current, extracted, scope).await
    }

    /// The text is joined to what the file holds when the answer is there, so that typing elsewhere in it does no harm.
    async fn append(&self, id: u32, save: &Save, scope: &Scope, file: &FileRef) -> Result<String, StepError> {
        let before = self.effect(self.ports.workspace.read(file)).await?;
        let afresh = self.starts_afresh(save, scope, &before).await?;
        let mut composed = self.compose(&save.module, &save.prompt, scope, &[&file.name]).await?;
        let written = self.current_text(&before).filter(|text| !afresh && !text.trim().is_empty());
        if let Some(text) = written.as_ref().filter(|_| !scope.turn.is_parallel()) {
            composed.target = Some(Document { name: file.name.clone(), shown: prompt::tail(&self.nonce, file, text) });
        }
        let form = Form::Addition(Target { name: &file.name, original: written.as_deref(), nonce: &self.nonce });
        let mut extracted = self.content(id, save, composed, &form).await?;
        self.effect(async {
            scope.turn.wait().await;
            Ok::<_, StepError>(())
        })
        .await?;
        let base = self.effect(self.ports.workspace.read(file)).await?;
        let current = self.current_text(&base);
        let existing = if afresh { "" } else { current.as_deref().unwrap_or_default() };
        extracted.text = answer::join_pages(existing, &extracted.text);
        self.edit(id, base, current, extracted, scope).await
    }

    /// Whether an appending step drops what was in the file before the run. Decided once a run and file.
    async fn starts_afresh(&self, save: &Save, scope: &Scope, before: &Snapshot) -> Result<bool, StepError> {
        let first = self.state().begun.insert(before.file.name.clone());
        let holds_text = before.text.as_ref().is_some_and(|text| !text.trim().is_empty());
        let Some(existing) = save.existing.as_ref().filter(|_| first && holds_text) else {
            return Ok(false);
        };
        match self.render(&save.module, existing, scope)?.as_str() {
            "append" => Ok(false),
            "replace" => Ok(true),
            "ask" => {
                let question = format!("{} already has text. What should {} do?", before.file.name, self.job.name());
                let options = ["Append", "Replace", "Cancel"];
                let asked = async { Ok::<_, StepError>(self.ports.workspace.choose(&question, &options).await) };
                match self.effect(asked).await? {
                    Some(1) => Ok(true),
                    Some(2) => Err(StepError::Cancelled),
                    _ => Ok(false),
                }
            }
            other => {
                let cause = format!("`existing` is `append`, `replace` or `ask`, not `{other}`");
                let module = save.module.render(&scope.vars).unwrap_or(save.module.0.clone());
                Err(StepError::Workflow { module, cause })
            }
        }
    }

    /// Asks for the content, as often as the step says: `best-of` answers are merged, further rounds improve the result.
    async fn content(&self, id: u32, save: &Save, composed: Composed, form: &Form<'_>) -> Result<Extracted, StepError> {
        let task = composed.text.clone();
        let request = self.request(id, save.role, composed, Some(form.reminder())).await?;
        let with_task = |text: String| Request { prompt: request.prompt.replacen(&task, &text, 1), ..request.clone() };
        let mut extracted = self.extracted(id, request.clone(), form).await?;
        if save.best_of > 1 {
            let mut candidates = vec![extracted.text.clone()];
            for _ in 1..save.best_of {
                candidates.push(self.extracted(id, request.clone(), form).await?.text);
            }
            extracted = self.extracted(id, with_task(prompt::merge(&task, &candidates)), form).await?;
        }
        for _ in 1..save.loops {
            extracted = self.extracted(id, with_task(prompt::review(&task, &extracted.text)), form).await?;
        }
        Ok(extracted)
    }

    /// Makes the edit and says what became of it. Once begun it isn't cancelled: half an edit helps nobody.
    pub(super) async fn edit(
        &self,
        id: u32,
        mut base: Snapshot,
        current: Option<String>,
        extracted: Extracted,
        scope: &Scope,
    ) -> Result<String, StepError> {
        if self.stop.token.is_cancelled() {
            return Err(StepError::Cancelled);
        }
        let file = base.file.clone();
        let Extracted { text, flags } = extracted;
        // The marker's lines go even where nothing else changes.
        let holds_marker = base.text.as_ref().is_some_and(|text| self.without_marker(&file.name, text) != *text);
        if current.as_ref() == Some(&text) && !holds_marker {
            self.record_unchanged(&file.name);
            return Ok("no change".to_owned());
        }
        let risk = risk(current.as_deref(), &text, &flags);
        // What it was made from is what the result on hold was made from.
        if let Some(held) = self.state().pending.get(&file.name) {
            base.text.clone_from(&held.base);
        }
        let held = Held { base: base.text.clone(), text: text.clone() };
        let edit = Edit {
            title: self.job.name(),
            run: self.job.run.clone(),
            step: id,
            base,
            text,
            named: self.job.named.contains(&file.name),
            risk,
        };
        let saved = self.ports.workspace.save(edit, &*self.ports.journal).await?;
        Ok(self.conclude_edit(file, saved, held, scope))
    }

    /// Says what became of an edit.
    pub(super) fn conclude_edit(&self, file: FileRef, saved: Saved, held: Held, scope: &Scope) -> String {
        if !matches!(saved, Saved::Pending { .. }) {
            self.state().pending.remove(&file.name);
        }
        let (action, reason) = match saved {
            Saved::Created => (Action::Created, None),
            Saved::Changed => (Action::Changed, None),
            Saved::Unchanged => {
                self.record_unchanged(&file.name);
                return "no change".to_owned();
            }
            Saved::Pending { reason } => {
                self.state().pending.insert(file.name.clone(), held);
                (Action::Pending, Some(reason))
            }
        };
        let untested =
            self.ports.checker.is_none() && scope.tests.as_ref().is_some_and(|tests| tests.path == file.name);
        let words = match (&action, &reason) {
            (Action::Pending, Some(reason)) => format!("is waiting to be applied ({reason})"),
            _ => format!("was {}", action.name()),
        };
        let words = if untested { format!("{words}, tests not run") } else { words };
        let reason = reason.or(untested.then(|| "tests not run: no check command is trusted".to_owned()));
        self.record_edit(FileOutcome { file, action, reason }, words.clone());
        words
    }

    /// The file's text with what this run has put on hold for it.
    pub(super) fn current_text(&self, base: &Snapshot) -> Option<String> {
        let held = self.state().pending.get(&base.file.name).cloned();
        held.map(|held| held.text).or_else(|| base.text.as_ref().map(|text| self.without_marker(&base.file.name, text)))
    }

    /// A file's text without the instruction that stands in it.
    pub(super) fn without_marker(&self, name: &str, text: &str) -> String {
        match self.job.marker.as_ref().filter(|marker| marker.file == name) {
            Some(marker) => marker::without(text, &marker.lines),
            None => text.to_owned(),
        }
    }

    /// The instruction is carried out: where no step edited the file that holds it, only its lines go.
    pub(super) async fn clear_marker(&self) -> Result<(), StepError> {
        let Some(marker) = &self.job.marker else { return Ok(()) };
        let base = self.snapshot(&marker.file).await?;
        let Some(text) = base.text.as_ref().map(|text| self.without_marker(&marker.file, text)) else { return Ok(()) };
        if base.text.as_ref() == Some(&text) || self.state().pending.contains_key(&marker.file) {
            return Ok(());
        }
        let (title, run, named) = (self.job.name(), self.job.run.clone(), true);
        let edit = Edit { title, run, step: 0, base, text, named, risk: None };
        self.ports.workspace.save(edit, &*self.ports.journal).await?;
        Ok(())
    }
}

/// Why a person should look at an edit before it is made.
fn risk(old: Option<&str>, new: &str, flags: &[Flag]) -> Option<Risk> {
    let hidden = |text: &str| text.chars().filter(|c| is_hidden(*c)).count();
    if hidden(new) > old.map_or(0, hidden) {
        return Some(Risk::Hidden);
    }
    flags.contains(&Flag::Shrunk).then_some(Risk::Shrunk)
}

/// Characters that reorder text or can't be seen: bidirectional controls and tag characters.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn risks() {
        for (old, new, flags, risky) in [
            (Some("a"), "b", &[][..], false),
            (Some("a"), "b", &[Flag::Shrunk], true),
            (None, "x\u{202e}y", &[], true),
            (Some("\u{2066}"), "\u{2066}a", &[], false),
            (None, "tag \u{e0041}", &[], true),
        ] {
            assert_eq!(risk(old, new, flags).is_some(), risky, "{new:?}");
        }
    }
}
