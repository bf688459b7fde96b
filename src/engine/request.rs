//! From a prompt's pieces to the request that is sent: what fits into the model's context window, and what is said about the rest.

use super::{
    Run,
    budget::{self, Document, Fitted, LeftOut, TooLong},
    error::StepError,
    event::Kind,
    ports::{Facts, Request},
    prompt,
};
use crate::workflow::Role;

/// A prompt's pieces, rendered.
pub struct Composed {
    pub shared: Vec<Document>,
    /// The documents of the files that the prompt names, but for the shared ones.
    pub own: Vec<Document>,
    /// The document that the answer takes the place of, or goes on with. It is never shortened.
    pub target: Option<Document>,
    /// The shared ones show it just so, so that it stands by itself only where they can't be shown whole.
    pub is_target_shared: bool,
    pub text: String,
    /// Other requests show the same shared documents at the same time.
    pub side_by_side: bool,
}

impl Run {
    /// What is known of the model that answers in this role. Asked for once a run, so that all its requests are laid out alike.
    pub(super) async fn facts(&self, role: Role) -> Result<Facts, StepError> {
        let known = self.state().facts.get(&role).cloned();
        if let Some(facts) = known {
            return Ok(facts);
        }
        let model = self.job.tags.get("model").map(String::as_str);
        let facts = self.effect(self.ports.model.facts(role, model)).await?;
        Ok(self.state().facts.entry(role).or_insert(facts).clone())
    }

    pub(super) async fn request(
        &self,
        id: u32,
        role: Role,
        composed: Composed,
        reminder: Option<String>,
    ) -> Result<Request, StepError> {
        let facts = self.facts(role).await?;
        let system = || prompt::system(&self.nonce, &self.job.workflow.system.render(&self.vars()).unwrap_or_default());
        let system = self.system.get_or_init(system);
        let length = |target: &Option<Document>| target.as_ref().map_or(0, |target| target.shown.len());
        let module = {
            let mut state = self.state();
            let step = &mut state.steps[id as usize - 1];
            step.expected = budget::tokens(length(&composed.target) as u64, &facts);
            step.module.clone()
        };
        let Composed { mut shared, own, mut target, text, is_target_shared, side_by_side } = composed;
        let fixed = system.len() + text.len() + reminder.as_ref().map_or(0, String::len);
        if is_target_shared {
            match budget::fit(&shared, &own, fixed, &facts, side_by_side) {
                Ok(whole) if whole.left_out.is_empty() => target = None,
                // Requests side by side go on beginning alike.
                _ if side_by_side => {}
                _ => shared.retain(|document| target.as_ref() != Some(document)),
            }
        }
        let fixed = fixed + length(&target);
        let fitted = budget::fit(&shared, &own, fixed, &facts, side_by_side).or_else(|too_long| {
            // A guess about the window refuses nothing: a server that takes less says so, or shows it by what it counts.
            if facts.context_window.is_some() {
                return Err(too_long);
            }
            self.tell_guess(&module, &too_long, &facts);
            budget::fit(&shared, &own, fixed, &budget::with_room_for(too_long.needed, &facts), side_by_side)
        });
        let Fitted { shared, mut own, mut left_out } = fitted.map_err(|too_long| {
            let name = target.as_ref().map(|target| target.name.as_str());
            StepError::Unsent { module: module.clone(), cause: told(&too_long, name, &facts) }
        })?;
        left_out.retain(|one| target.as_ref().is_none_or(|target| target.name != one.name));
        let shown = target.as_ref().map(|target| target.shown.as_str()).unwrap_or_default();
        self.tell_left_out(left_out, &facts);
        own.push_str(shown);
        let mut prompt = if own.is_empty() { text } else { format!("{own}\n{text}") };
        if let Some(reminder) = reminder {
            prompt = format!("{prompt}\n{reminder}\n");
        }
        Ok(Request {
            step: module,
            role,
            model: self.job.tags.get("model").cloned(),
            system: system.clone(),
            nonce: self.nonce.clone(),
            shared,
            prompt,
            max_output: None,
        })
    }

    /// A prompt that grew since it was laid out, as those do that hold earlier answers.
    pub(super) async fn check_length(&self, request: &Request) -> Result<(), StepError> {
        let facts = self.facts(request.role).await?;
        let (needed, room) = (prompt_tokens(request, &facts), budget::room(&facts));
        // The margin is for estimates that are off, and this is one.
        if facts.context_window.is_none() || needed <= room + budget::window(&facts) / 20 {
            return Ok(());
        }
        let cause = told(&TooLong { needed, room }, None, &facts);
        Err(StepError::Unsent { module: request.step.clone(), cause })
    }

    /// Told once a run and model.
    fn tell_guess(&self, module: &str, TooLong { needed, .. }: &TooLong, Facts { name, .. }: &Facts) {
        if self.state().guessed.insert(name.clone()) {
            self.report(Kind::Warning(format!(
                "{}: the prompt of `{module}` has about {needed} tokens, and nobody knows whether `{name}` takes so many; set \
                 `context-window` in `[models.\"{name}\"]`",
                self.job.name()
            )));
        }
    }

    /// Each loss is told once a run.
    fn tell_left_out(&self, left_out: Vec<LeftOut>, facts: &Facts) {
        let new: Vec<LeftOut> = {
            let told = &mut self.state().left_out;
            left_out.into_iter().filter(|one| told.insert(one.clone())).collect()
        };
        if new.is_empty() {
            return;
        }
        const SHOWN: usize = 5;
        let mut words: Vec<_> = new
            .iter()
            .take(SHOWN)
            .map(|LeftOut { name, lines, of }| format!("{lines} of the {of} lines of {name}"))
            .collect();
        if new.len() > SHOWN {
            words.push(format!("parts of {} more files", new.len() - SHOWN));
        }
        self.report(Kind::Warning(format!(
            "{}: {} are left out of the prompt, of which `{}` takes about {} tokens; name fewer files, or choose a model with a larger \
             context window",
            self.job.name(),
            words.join(", "),
            facts.name,
            budget::room(facts)
        )));
    }
}

/// About how many tokens a prompt has.
pub fn prompt_tokens(request: &Request, facts: &Facts) -> u64 {
    budget::tokens((request.system.len() + request.shared.len() + request.prompt.len()) as u64, facts)
}

fn told(TooLong { needed, room }: &TooLong, target: Option<&str>, facts: &Facts) -> String {
    let what = target.map_or("the prompt".to_owned(), |name| format!("the prompt with the whole of {name}"));
    format!(
        "{what} has about {needed} tokens, and `{}` takes about {room} of its context window of {}; choose a model with a larger one, or \
         give it less to read at a time",
        facts.name,
        budget::window(facts)
    )
}
