//! Goes through a run without running it: its own layout and prompts, with stand-ins where answers would be. Counts what would be sent.

use std::sync::{Arc, Mutex, PoisonError};

use super::{
    Run, Stop,
    budget::{self, Document},
    error::StepError,
    estimate::Estimate,
    event::{Event, Kind},
    format::Form,
    job::Job,
    journal::{Past, TestPlace},
    money::cost,
    plan::{Block, Slot},
    ports::{Observer, Ports, Request, Usage},
    prompt,
    request::prompt_tokens,
    step::Scope,
};
use crate::{
    document::answer::Target,
    workflow::{
        Ask, Chat, Check, Expect, ForEach, Mode, Save, Step, TestFile,
        template::{Item, Value, Vars},
    },
};
use futures::{FutureExt, future::BoxFuture};

/// What answers usually have, in tokens: a plan or a reply, a summary, a file that isn't there yet, a page or an item of a list.
const REPLY: u64 = 600;
const SUMMARY: u64 = 120;
const NEW_FILE: u64 = 1500;
const PAGE: u64 = 900;
const ITEM: u64 = 50;
/// Stands for a file that the model would name.
const SOME_FILE: &str = "new-file";

/// Goes through a run without running it.
pub(super) async fn run(job: Job, ports: Ports) -> Result<Estimate, StepError> {
    let heard = Arc::new(Heard::default());
    let run = Run::new(job, Past::default(), Ports { observer: heard.clone(), ..ports }, None, Stop::default());
    let mut tally = Estimate { workflow: run.job.name(), cost: Some(0.0), ..Estimate::default() };
    run.check_prices().await?;
    let vars = Arc::new(run.vars());
    let mut block = Block::default();
    run.lay_out(&run.job.workflow.steps, &mut block, &vars);
    run.foresee(&run.job.workflow.steps, &mut block, &mut Scope::new(Vars::inside(&vars)), &mut tally).await?;
    tally.left = run.purse.left();
    tally.warnings = std::mem::take(&mut *heard.0.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(tally)
}

/// Keeps the warnings.
#[derive(Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn report(&self, event: &Event) {
        if let Kind::Warning(text) = &event.kind {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
        }
    }
}

impl Run {
    /// Goes through the steps as the run would, with what their answers may look like.
    fn foresee<'a>(
        &'a self,
        steps: &'a [Step],
        block: &'a mut Block,
        scope: &'a mut Scope,
        tally: &'a mut Estimate,
    ) -> BoxFuture<'a, Result<(), StepError>> {
        async move {
            scope.vars.extend(&block.bindings);
            for (i, step) in steps.iter().enumerate() {
                if block.slots.len() <= i {
                    let outer = Arc::new(scope.vars.clone());
                    self.lay_out(steps, block, &outer);
                    scope.vars.extend(&block.bindings);
                }
                match (step, block.slots.get_mut(i)) {
                    (Step::ForEach(each), Some(Slot::Each(blocks))) => {
                        self.foresee_each(each, blocks, scope, tally).await?;
                    }
                    (step, Some(Slot::Step(id))) => self.foresee_step(*id, step, scope, tally).await?,
                    _ => {}
                }
            }
            Ok(())
        }
        .boxed()
    }

    async fn foresee_each(
        &self,
        each: &ForEach,
        blocks: &mut [Block],
        scope: &Scope,
        tally: &mut Estimate,
    ) -> Result<(), StepError> {
        let outer = Arc::new(scope.vars.clone());
        for block in blocks {
            let mut inner = scope.inside(Vars::inside(&outer));
            match self.foresee(&each.steps, block, &mut inner, tally).await {
                // One item that can't be sent doesn't stop the others.
                Err(error @ (StepError::Unsent { .. } | StepError::Workspace(_))) => {
                    self.report(Kind::Warning(error.to_string()));
                }
                result => result?,
            }
        }
        Ok(())
    }

    async fn foresee_step(
        &self,
        id: u32,
        step: &Step,
        scope: &mut Scope,
        tally: &mut Estimate,
    ) -> Result<(), StepError> {
        match step {
            Step::Chat(Chat { module, prompt, role, into, summary, .. }) => {
                let composed = self.compose(module, prompt, scope, &[]).await?;
                let request = self.request(id, *role, composed, None).await?;
                let tokens = if *summary { SUMMARY } else { REPLY };
                self.count(&request, 1, tokens, tally).await?;
                if let Some(into) = into {
                    scope.vars.set(into, stand_in(tokens));
                }
            }
            Step::Ask(ask) => self.foresee_ask(id, ask, scope, tally).await?,
            Step::Save(save) => self.foresee_save(id, save, scope, tally).await?,
            Step::TestFile(test) => self.foresee_test_file(id, test, scope, tally).await?,
            Step::Check(Check { attempts, .. }) => {
                tally.say_open(format!(
                    "Up to {} more requests follow where tests fail and are repaired.",
                    attempts + 1
                ));
            }
            Step::ForEach(_) => {}
        }
        Ok(())
    }

    async fn foresee_ask(&self, id: u32, ask: &Ask, scope: &mut Scope, tally: &mut Estimate) -> Result<(), StepError> {
        let composed = self.compose(&ask.module, &ask.prompt, scope, &[]).await?;
        let request = self.request(id, ask.role, composed, None).await?;
        let count = match &ask.count {
            Some(template) => self.render(&ask.module, template, scope)?.trim().parse::<usize>().ok(),
            None => None,
        };
        let item = |text: &str| Item::new(text.to_owned());
        let (tokens, value) = match (ask.expect, ask.at_most) {
            (Expect::Text, _) => (NEW_FILE, stand_in(NEW_FILE)),
            (Expect::Line, _) => (ITEM, Value::Text(SOME_FILE.to_owned())),
            (Expect::List, _) => {
                let items = count.unwrap_or(1);
                (ITEM * items as u64, Value::List(vec![item(&stand_in(ITEM).text()); items]))
            }
            (Expect::Files, Some(1)) => (ITEM, Value::File(SOME_FILE.to_owned())),
            (Expect::Files, _) => (ITEM, Value::Files(vec![item(SOME_FILE)])),
        };
        let is_open = match ask.expect {
            Expect::List => count.is_none(),
            Expect::Files => ask.at_most != Some(1),
            Expect::Text | Expect::Line => false,
        };
        if is_open {
            tally.say_open(format!("More requests follow if the answer to `{}` names more than one.", request.step));
        }
        self.count(&request, 1, tokens, tally).await?;
        scope.vars.set(&ask.into, value);
        Ok(())
    }

    async fn foresee_save(
        &self,
        id: u32,
        save: &Save,
        scope: &mut Scope,
        tally: &mut Estimate,
    ) -> Result<(), StepError> {
        let name = self.render(&save.module, &save.file, scope)?;
        let base = self.snapshot(&name).await?;
        self.ports.workspace.may_write(&base.file)?;
        let current = self.current_text(&base).filter(|text| !text.trim().is_empty());
        let mut tokens = match (save.mode, &current) {
            (Mode::Append, _) => PAGE,
            (Mode::Replace, None) => NEW_FILE,
            (Mode::Replace, Some(text)) => {
                let length = budget::tokens(text.len() as u64, &self.facts(save.role).await?);
                length + length / 20 + ITEM
            }
        };
        let (composed, reminder) = match save.mode {
            Mode::Replace => {
                let shown = |text: &String| prompt::document(&self.nonce, &base.file, text);
                let document = current.as_ref().map(shown).unwrap_or_default();
                let composed = self.compose_for(&save.module, &save.prompt, scope, &name, &document).await?;
                let target = Target { name: &name, original: current.as_deref(), nonce: &self.nonce };
                let form = self.form(save.role, scope, target).await?;
                tokens = if scope.is_inline(&name) || matches!(form, Form::Blocks { .. }) { NEW_FILE } else { tokens };
                (composed, form.reminder())
            }
            Mode::Append => {
                let mut composed = self.compose(&save.module, &save.prompt, scope, &[&name]).await?;
                let tail = |text: &String| prompt::tail(&self.nonce, &base.file, text);
                composed.target = current.as_ref().map(tail).map(|shown| Document { name: name.clone(), shown });
                (composed, prompt::ask_for_addition(&self.nonce, &name))
            }
        };
        let request = self.request(id, save.role, composed, Some(reminder)).await?;
        let merged = usize::from(save.best_of > 1);
        let times = save.best_of as usize + merged + save.loops.saturating_sub(1) as usize;
        self.count(&request, times, tokens, tally).await
    }

    async fn foresee_test_file(
        &self,
        id: u32,
        step: &TestFile,
        scope: &mut Scope,
        tally: &mut Estimate,
    ) -> Result<(), StepError> {
        let source = self.snapshot(&self.render(&step.module, &step.source, scope)?).await?;
        let found = self.effect(self.ports.workspace.tests_for(&source)).await?;
        let (path, inline, example) = match found {
            Some(found) => (found.path, found.inline, found.example),
            None => {
                let composed = self.compose(&step.module, &step.prompt, scope, &[]).await?;
                let request = self.request(id, step.role, composed, None).await?;
                self.count(&request, 1, ITEM, tally).await?;
                (SOME_FILE.to_owned(), false, None)
            }
        };
        let example = example.filter(|example| *example != path && *example != source.file.name);
        scope.tests = Some(TestPlace { path: path.clone(), inline });
        scope.vars.set(&step.into, Value::File(path));
        scope.vars.set(format!("{}.notes", step.into), Value::Text(String::new()));
        let example = example.map_or(Value::Text("none".to_owned()), Value::File);
        scope.vars.set(format!("{}.example", step.into), example);
        Ok(())
    }

    /// Adds a request that would be sent `times`, and its answers.
    async fn count(&self, request: &Request, times: usize, output: u64, tally: &mut Estimate) -> Result<(), StepError> {
        let facts = self.facts(request.role).await?;
        let usage = Usage { input: prompt_tokens(request, &facts), output, ..Usage::default() };
        tally.input += usage.input * times as u64;
        tally.output += usage.output * times as u64;
        let price = facts.price;
        tally.cost = tally.cost.zip(price).map(|(sum, price)| sum + cost(&price, &usage) * times as f64);
        let to = tally.models.entry(facts.name.clone()).or_default();
        to.requests += times;
        to.is_price_known = price.is_some();
        for text in [&request.shared, &request.prompt] {
            for (name, bytes) in prompt::documents_in(&self.nonce, text) {
                let file = tally.files.entry(name).or_default();
                file.tokens = file.tokens.max(budget::tokens(bytes as u64, &facts));
                file.requests += times;
            }
        }
        Ok(())
    }
}

/// A text of about so many tokens, where an answer would be.
fn stand_in(tokens: u64) -> Value {
    Value::Text("abc".repeat(usize::try_from(tokens).unwrap_or_default()))
}
