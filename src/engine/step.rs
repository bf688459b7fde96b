//! The verbs, but for saving: what each step does with the answer it gets.

use std::sync::Arc;

use super::{
    Done, Run,
    batch::{Shown, Turn},
    budget::Document,
    error::StepError,
    journal::{Left, TestPlace},
    plan::{Block, Slot},
    ports::{Message, Request, Snapshot},
    prompt,
    request::Composed,
};
use crate::{
    document::{FileRef, answer},
    workflow::{
        Ask, Chat, Expect, Step, Template, TestFile, extract,
        template::{Item, Value, Vars},
    },
};

/// What a step sees, and leaves to the steps after it.
pub struct Scope {
    pub vars: Vars,
    /// Where the tests go that these steps write.
    pub tests: Option<TestPlace>,
    /// In a parallel for-each: what comes before this iteration.
    pub turn: Turn,
    /// In a parallel for-each: the shared documents as the first iteration found them.
    pub shown: Option<Arc<Shown>>,
}

impl Scope {
    pub fn new(vars: Vars) -> Self {
        Self { vars, tests: None, turn: Turn::default(), shown: None }
    }

    /// Whether the steps write tests into this file beside the code that they test.
    pub fn is_inline(&self, name: &str) -> bool {
        self.tests.as_ref().is_some_and(|tests| tests.inline && tests.path == name)
    }

    /// Whether the steps write tests into this file.
    pub fn is_test_file(&self, name: &str) -> bool {
        self.tests.as_ref().is_some_and(|tests| tests.path == name)
    }

    /// A scope for steps inside a for-each.
    pub fn inside(&self, vars: Vars) -> Self {
        Self { vars, tests: self.tests.clone(), turn: Turn::default(), shown: self.shown.clone() }
    }
}

impl Run {
    /// Runs the steps of a block in order; the first failing one ends it, and the rest are skipped.
    pub(super) async fn block(&self, steps: &[Step], block: &mut Block, scope: &mut Scope) -> Result<(), StepError> {
        scope.vars.extend(&block.bindings);
        for (i, step) in steps.iter().enumerate() {
            if block.slots.len() <= i {
                let outer = Arc::new(scope.vars.clone());
                if self.lay_out(steps, block, &outer) {
                    scope.vars.extend(&block.bindings);
                    self.record_plan();
                    self.report(super::Kind::Workflow(self.descriptor()));
                }
            }
            let cause = || "its items aren't a list of anything".to_owned();
            let slot = block.slots.get_mut(i);
            let slot = slot.ok_or_else(|| StepError::Workflow { module: "for-each".to_owned(), cause: cause() })?;
            let left = match (step, slot) {
                (_, Slot::Absent) => continue,
                (Step::ForEach(each), Slot::Each(blocks)) => {
                    self.for_each(each, blocks, scope).await?;
                    continue;
                }
                (Step::Chat(chat), Slot::Step(id)) => self.step(*id, self.chat(*id, chat, scope)).await?,
                (Step::Ask(ask), Slot::Step(id)) => self.step(*id, self.ask(*id, ask, scope)).await?,
                (Step::Save(save), Slot::Step(id)) => self.step(*id, self.save(*id, save, scope)).await?,
                (Step::TestFile(test), Slot::Step(id)) => self.step(*id, self.test_file(*id, test, scope)).await?,
                (Step::Check(check), Slot::Step(id)) => self.step(*id, self.check(*id, check, scope)).await?,
                (Step::ForEach(_), Slot::Step(_)) | (_, Slot::Each(_)) => {
                    unreachable!("the layout makes a slot of its step's kind")
                }
            };
            for (name, value) in left.output {
                scope.vars.set(name, value);
            }
            scope.tests = left.tests.or(scope.tests.take());
        }
        Ok(())
    }

    async fn chat(&self, id: u32, chat: &Chat, scope: &Scope) -> Result<Done, StepError> {
        let composed = self.compose(&chat.module, &chat.prompt, scope, &[]).await?;
        let request = self.request(id, chat.role, composed, None).await?;
        let reply = self.answer(id, request.clone(), true).await?;
        let text = answer::plain_text(&reply).trim().to_owned();
        let message = Message { prompt: self.job.instruction.clone(), reply: text.clone() };
        let output = chat.into.iter().map(|name| (name.clone(), Value::Text(text.clone()))).collect();
        Ok(Done { left: Left { response: Some(text), output, ..Left::default() }, said: Some(message) })
    }

    /// An answer of the wrong form is asked for once more, with what was wrong about it.
    async fn ask(&self, id: u32, ask: &Ask, scope: &Scope) -> Result<Left, StepError> {
        let composed = self.compose(&ask.module, &ask.prompt, scope, &[]).await?;
        let request = self.request(id, ask.role, composed, None).await?;
        let count = match &ask.count {
            Some(template) => self.render(&ask.module, template, scope)?.trim().parse::<usize>().ok(),
            None => None,
        };
        let first = self.answer(id, request.clone(), false).await?;
        let value = match self.read_answer(ask, count, &first) {
            Ok(value) => value,
            Err(complaint) => {
                let prompt = prompt::again(&request.prompt, &complaint);
                let second = self.answer(id, Request { prompt, ..request.clone() }, false).await?;
                self.read_answer(ask, count, &second)
                    .or_else(|complaint| self.make_do(ask, count, &second, complaint, &request.step))?
            }
        };
        let response = value.text().into_owned();
        Ok(Left { response: Some(response), output: vec![(ask.into.clone(), value)], ..Left::default() })
    }

    /// What the answer says, or what is wrong about it.
    fn read_answer(&self, ask: &Ask, count: Option<usize>, reply: &str) -> Result<Value, String> {
        let text = answer::plain_text(reply);
        let at_most = ask.at_most.unwrap_or(usize::MAX);
        match ask.expect {
            Expect::Text => Ok(Value::Text(text.trim().to_owned())),
            Expect::Line => extract::line(&text).map(Value::Text).ok_or_else(|| "it has no line of text".to_owned()),
            Expect::List => {
                let items = extract::list(&text);
                match count {
                    Some(count) if items.len() != count => {
                        Err(format!("it has {} list items instead of {count}", items.len()))
                    }
                    _ if items.is_empty() => Err("it has no list".to_owned()),
                    _ => Ok(Value::List(items.into_iter().take(at_most).collect())),
                }
            }
            Expect::Files => {
                let mut files: Vec<Item> = Vec::new();
                let mut refused = Vec::new();
                for item in extract::files(&text) {
                    match self.ports.workspace.locate(&item.text) {
                        Ok(file) if files.iter().any(|known| known.text == file.name) => {}
                        Ok(file) => files.push(Item { text: file.name, purpose: item.purpose }),
                        Err(error) => refused.push(error.to_string()),
                    }
                }
                match files.first() {
                    None => return Err(refused.pop().unwrap_or_else(|| "it names no file".to_owned())),
                    Some(first) if ask.at_most == Some(1) => return Ok(Value::File(first.text.clone())),
                    Some(_) => {}
                }
                if files.len() > at_most {
                    refused.push(format!("the first {at_most} of {} files are written", files.len()));
                    files.truncate(at_most);
                }
                for reason in refused {
                    self.report(super::Kind::Warning(format!("{}: {reason}", self.job.name())));
                }
                Ok(Value::Files(files))
            }
        }
    }

    /// A list of the wrong length is better than none, and said so.
    fn make_do(
        &self,
        ask: &Ask,
        count: Option<usize>,
        reply: &str,
        complaint: String,
        module: &str,
    ) -> Result<Value, StepError> {
        let mut items = extract::list(&answer::plain_text(reply));
        if ask.expect != Expect::List || items.is_empty() {
            let cause = format!("{complaint}; run it again, or choose another model");
            return Err(StepError::Answer { module: module.to_owned(), cause });
        }
        items.truncate(count.unwrap_or(usize::MAX));
        self.report(super::Kind::Warning(format!(
            "{}: the model's answer to `{module}` was off twice ({complaint}); going on with {} of them",
            self.job.name(),
            items.len()
        )));
        Ok(Value::List(items))
    }

    async fn test_file(&self, id: u32, step: &TestFile, scope: &Scope) -> Result<Left, StepError> {
        let name = self.render(&step.module, &step.source, scope)?;
        let source = self.ports.workspace.locate(&name)?;
        let source = self.effect(self.ports.workspace.read(&source)).await?;
        let placement = self.effect(self.ports.workspace.tests_for(&source)).await?;
        let (path, notes, example, inline) = match placement {
            Some(found) => {
                let framework = found.framework.map(|name| format!("They use {name}.")).unwrap_or_default();
                let inline =
                    if found.inline { " They go inline, into a test module at the end of the file." } else { "" };
                (found.path, format!("{framework}{inline}"), found.example, found.inline)
            }
            None => (self.ask_for_test_path(id, step, scope, &name).await?, String::new(), None, false),
        };
        let example = example.filter(|example| *example != path && *example != name);
        let output = vec![
            (step.into.clone(), Value::File(path.clone())),
            (format!("{}.notes", step.into), Value::Text(notes.trim().to_owned())),
            (format!("{}.example", step.into), example.map_or(Value::Text("none".to_owned()), Value::File)),
        ];
        let tests = Some(TestPlace { path: path.clone(), inline });
        Ok(Left { response: Some(path.clone()), file_name: Some(path), output, tests, ..Left::default() })
    }

    async fn ask_for_test_path(
        &self,
        id: u32,
        step: &TestFile,
        scope: &Scope,
        source: &str,
    ) -> Result<String, StepError> {
        let composed = self.compose(&step.module, &step.prompt, scope, &[]).await?;
        let request = self.request(id, step.role, composed, None).await?;
        let module = request.step.clone();
        let reply = self.answer(id, request, false).await?;
        let line = extract::line(&answer::plain_text(&reply)).unwrap_or_default();
        let extension = |path: &str| path.rsplit_once('.').map(|(_, extension)| extension.to_owned());
        let like_source = extension(&line).is_some() && extension(&line) == extension(source);
        // Any sentence could be a file's name; few end as the source does.
        if !line.contains('.') || line.contains(char::is_whitespace) && !like_source {
            let cause = format!(
                "`{line}` is no path of a test file; say where tests go with `[tests] path` in the configuration"
            );
            return Err(StepError::Answer { module, cause });
        }
        let file = self.ports.workspace.locate(&line)?;
        if file.name == source {
            let cause = format!(
                "it names `{source}` itself, the file under test; say where tests go with `path` in `[tests]` of the settings"
            );
            return Err(StepError::Answer { module, cause });
        }
        Ok(file.name)
    }

    /// Renders a prompt and collects the documents of the files it names; `without` are left out.
    pub(super) async fn compose(
        &self,
        module: &Template,
        template: &Template,
        scope: &Scope,
        without: &[&str],
    ) -> Result<Composed, StepError> {
        let mut vars = scope.vars.clone();
        // Not for the others: a batch of many files has many results by and by.
        if template.names().flatten().any(|name| name == "results") {
            vars.set("results", self.results());
        }
        let text = template.render(&vars).map_err(|cause| self.broken(module, scope, cause))?;
        let mut shared: Vec<String> = Vec::new();
        let mut own: Vec<String> = Vec::new();
        for name in template.names().flatten() {
            match vars.get(name) {
                Some(Value::Files(items)) if name == "files" => {
                    shared.extend(items.iter().map(|item| item.text.clone()))
                }
                Some(Value::File(file)) => own.push(file.clone()),
                _ => {}
            }
        }
        shared.sort();
        shared.dedup();
        shared.retain(|file| !without.contains(&file.as_str()));
        own.retain(|file| !shared.contains(file) && !without.contains(&file.as_str()));
        let mut seen = std::collections::BTreeSet::new();
        own.retain(|file| seen.insert(file.clone()));
        let shared = self.documents(&shared, scope.shown.as_deref()).await?;
        let own = self.documents(&own, None).await?;
        let side_by_side = scope.turn.is_parallel();
        let text = prompt::squeeze(&text);
        Ok(Composed { shared, own, target: None, text, is_target_shared: false, side_by_side })
    }

    /// Composes a prompt whose answer replaces a file. That file's document comes last, unless the shared ones show it just so: they stay the
    /// same from request to request, because providers remember what requests begin with.
    pub(super) async fn compose_for(
        &self,
        module: &Template,
        template: &Template,
        scope: &Scope,
        name: &str,
        document: &str,
    ) -> Result<Composed, StepError> {
        let mut composed = self.compose(module, template, scope, &[]).await?;
        composed.is_target_shared = composed.shared.iter().any(|shared| shared.shown == document);
        if !composed.is_target_shared {
            composed = self.compose(module, template, scope, &[name]).await?;
        }
        composed.target = Some(Document { name: name.to_owned(), shown: document.to_owned() });
        Ok(composed)
    }

    /// Files that don't exist yet are no documents.
    async fn documents(&self, names: &[String], shown: Option<&Shown>) -> Result<Vec<Document>, StepError> {
        let mut out = Vec::new();
        for name in names {
            let found = self.snapshot(name).await?;
            let Snapshot { file, text, .. } = match shown {
                Some(shown) => shown.first(name, found),
                None => found,
            };
            if let Some(text) = text {
                let text = self.without_marker(&file.name, &text);
                let shown = prompt::document(&self.nonce, &file, &text);
                out.push(Document { name: file.name, shown });
            }
        }
        Ok(out)
    }

    pub(super) async fn snapshot(&self, name: &str) -> Result<Snapshot, StepError> {
        let file = self.file(name)?;
        self.effect(self.ports.workspace.read(&file)).await
    }

    /// The file of that name; one that the user gave may lie anywhere.
    pub(super) fn file(&self, name: &str) -> Result<FileRef, StepError> {
        let given = self.job.files.iter().chain(&self.job.current).find(|file| file.name == name);
        match given {
            Some(file) => Ok(file.clone()),
            None => Ok(self.ports.workspace.locate(name)?),
        }
    }

    pub(super) fn render(&self, module: &Template, template: &Template, scope: &Scope) -> Result<String, StepError> {
        template.render(&scope.vars).map_err(|cause| self.broken(module, scope, cause))
    }

    fn broken(&self, module: &Template, scope: &Scope, cause: String) -> StepError {
        StepError::Workflow { module: module.render(&scope.vars).unwrap_or(module.0.clone()), cause }
    }

    /// What became of each file so far, for summaries.
    fn results(&self) -> Value {
        let state = self.state();
        let items = state.results.iter().map(|(file, words)| Item::new(format!("{file} {words}")));
        Value::List(items.collect())
    }
}
