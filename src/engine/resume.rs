//! Goes on where an earlier process stopped: finished steps aren't run again, answers that were paid for are used, and the content of a file
//! decides whether an edit arrived.

use super::{
    Run, State,
    error::StepError,
    journal::{EditEntry, EditState, Entry, Held, Left, Past, PastStep, Planned},
    plan::StepState,
    ports::{Edit, Request, Saved, Snapshot},
    step::Scope,
};
use crate::workflow::Status;

/// What a run knows when it begins.
pub fn state(past: &Past) -> State {
    let mut state = State { usage: past.usage, pending: past.pending.clone(), ..State::default() };
    let last = past.steps.values().map(|step| step.id).max().unwrap_or_default();
    state.steps.resize_with(last as usize, StepState::default);
    for (path, step) in &past.steps {
        let Some(known) = (step.id as usize).checked_sub(1).and_then(|at| state.steps.get_mut(at)) else { continue };
        known.path.clone_from(path);
        known.module.clone_from(&step.module);
        state.paths.insert(path.clone(), step.id);
    }
    state.planned = state.steps.len();
    state
}

impl Run {
    /// Keeps that the run begins. It is durable when its first request is: until then, a new run has nothing to lose.
    pub(super) async fn record_begin(&self) -> Result<(), StepError> {
        let entry = Entry::Begin { job: Box::new(self.job.clone()), nonce: self.nonce.clone() };
        match &self.past.nonce {
            None => self.ports.journal.note(&self.job.run, entry),
            // It may be somebody else's by now.
            Some(_) => self.record(entry).await?,
        }
        self.record_plan();
        Ok(())
    }

    /// Keeps the steps that became known.
    pub(super) fn record_plan(&self) {
        let new: Vec<Planned> = {
            let state = self.state();
            let steps = state.steps.iter().zip(1..).skip(state.planned);
            steps.map(|(step, id)| Planned { id, path: step.path.clone(), module: step.module.clone() }).collect()
        };
        let Some(last) = new.last().map(|step| step.id as usize) else { return };
        self.ports.journal.note(&self.job.run, Entry::Plan(new));
        let mut state = self.state();
        state.planned = state.planned.max(last);
    }

    /// What a step left that an earlier process finished; the run takes it over.
    pub(super) fn finished_before(&self, id: u32) -> Option<Left> {
        let left = self.past_step(id)?.left.clone()?;
        {
            let mut state = self.state();
            if let Some(name) = &left.file_name {
                state.begun.insert(name.clone());
            }
            if let (Some(name), Some((words, outcome))) = (&left.file_name, &left.file) {
                state.results.insert(name.clone(), words.clone());
                if let Some(outcome) = outcome {
                    state.files.retain(|known| known.file != outcome.file);
                    state.files.push(outcome.clone());
                }
            }
        }
        self.add_reply(id, &left);
        self.set_step(id, Status::Finished, &left, None);
        Some(left)
    }

    /// The number of the answer that a step is about to ask for.
    pub(super) fn next_answer(&self, id: u32) -> u32 {
        let asked = &mut self.state().steps[id as usize - 1].asked;
        *asked += 1;
        *asked - 1
    }

    /// The answer that an earlier process got to this very request.
    pub(super) fn answered_before(&self, id: u32, number: u32, request: &Request) -> Option<String> {
        let answer = self.past_step(id)?.answers.get(&number).filter(|answer| answer.request == *request)?;
        Some(answer.text.clone())
    }

    /// The edit that an earlier process had under way in this step.
    pub(super) fn edited_before(&self, id: u32) -> Option<EditEntry> {
        self.past_step(id)?.edit.clone()
    }

    /// Makes sure of an edit that may have arrived, or not.
    pub(super) async fn edit_again(&self, id: u32, kept: EditEntry, scope: &Scope) -> Result<String, StepError> {
        let EditEntry { title, file, base, text, before, state, .. } = kept;
        let held = Held { base: base.clone(), text: text.clone() };
        let saved = match state {
            EditState::Pending { reason } => Saved::Pending { reason },
            EditState::Applied if before.is_none() => Saved::Created,
            EditState::Applied => Saved::Changed,
            EditState::Sent | EditState::Failed { .. } | EditState::Discarded | EditState::Reverted => {
                let base = Snapshot { file: file.clone(), text: base, version: None };
                let named = self.job.named.contains(&file.name);
                let run = self.job.run.clone();
                let edit = Edit { title, run, step: id, base, text, named, risk: None };
                match self.ports.workspace.save(edit, &*self.ports.journal).await? {
                    // It did arrive.
                    Saved::Unchanged if before.is_none() => Saved::Created,
                    Saved::Unchanged => Saved::Changed,
                    saved => saved,
                }
            }
        };
        Ok(self.conclude_edit(file, saved, held, scope))
    }

    /// With what became of the step's file so far.
    pub(super) fn with_file(&self, mut left: Left) -> Left {
        if let Some(name) = &left.file_name {
            let state = self.state();
            let outcome = state.files.iter().find(|known| known.file.name == *name).cloned();
            left.file = state.results.get(name).map(|words| (words.clone(), outcome));
        }
        left
    }

    fn past_step(&self, id: u32) -> Option<&PastStep> {
        let path = self.state().steps[id as usize - 1].path.clone();
        self.past.steps.get(&path)
    }
}
