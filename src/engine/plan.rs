//! Which steps a run has: the descriptor's content, laid out from the very steps that are executed, as far as they are known.
//!
//! A for-each whose items aren't known yet ends what is known of its block; the block is laid out further once they are.

use std::sync::Arc;

use serde_json::json;

use super::Run;
use crate::workflow::{
    Ask, Expect, ForEach, Status, Step,
    descriptor::{StepDescriptor, response},
    template::{Item, Value, Vars},
};

/// The steps of one list, as far as they are known, in the same order.
#[derive(Default)]
pub struct Block {
    /// What the paths of its steps begin with.
    pub path: String,
    /// What the layout itself found out: the item of an iteration, answers that tags gave.
    pub bindings: Vars,
    pub slots: Vec<Slot>,
}

/// Where a step of the workflow file ended up.
pub enum Slot {
    /// It is the run's step of this id.
    Step(u32),
    /// Not part of this run.
    Absent,
    /// A for-each, one block an item.
    Each(Vec<Block>),
}

/// A step of the run, as the user is told of it.
#[derive(Default)]
pub struct StepState {
    /// Where it stands in the workflow: the same in every process that runs the same job.
    pub path: String,
    pub module: String,
    pub description: String,
    pub parameters: serde_json::Value,
    pub status: Status,
    pub response: Option<String>,
    /// How many answers it has asked for.
    pub asked: u32,
    /// Tokens that its answer should have, as far as that is known.
    pub expected: u64,
}

impl StepState {
    pub fn describe(&self, id: u32) -> StepDescriptor {
        StepDescriptor {
            step_id: id,
            module: self.module.clone(),
            description: self.description.clone(),
            parameters: self.parameters.clone(),
            status: self.status,
            response: response(self.response.as_deref()),
        }
    }
}

impl Run {
    /// Lays out more of `steps`, of which `block` holds the beginning. Returns whether that changed anything.
    pub(super) fn lay_out(&self, steps: &[Step], block: &mut Block, outer: &Arc<Vars>) -> bool {
        let before = block.slots.len();
        for (at, step) in steps.iter().enumerate().skip(before) {
            let path = format!("{}{at}", block.path);
            let mut vars = Vars::inside(outer);
            vars.extend(&block.bindings);
            let slot = match step {
                Step::ForEach(each) => match self.iterations(each, vars, &path) {
                    Some(blocks) => Slot::Each(blocks),
                    None => break,
                },
                Step::Chat(chat) if chat.summary && !self.job.summary => Slot::Absent,
                Step::Check(_) if self.ports.checker.is_none() => Slot::Absent,
                Step::Ask(ask) => match self.given(ask) {
                    Some(value) => {
                        block.bindings.set(&ask.into, value);
                        Slot::Absent
                    }
                    None => Slot::Step(self.add_step(step, &vars, path)),
                },
                _ => Slot::Step(self.add_step(step, &vars, path)),
            };
            block.slots.push(slot);
        }
        block.slots.len() > before
    }

    /// The value that a tag gives in place of an answer.
    fn given(&self, ask: &Ask) -> Option<Value> {
        let text = self.job.tags.get(ask.from_tag.as_ref()?)?;
        if ask.expect != Expect::Files {
            return Some(Value::Text(text.clone()));
        }
        let exists = self.ports.workspace.locate(text).is_ok_and(|file| self.ports.workspace.exists(&file));
        let purpose = if exists { "revise" } else { "create" };
        let item = Item { text: text.clone(), purpose: purpose.to_owned() };
        Some(if ask.at_most == Some(1) { Value::File(item.text) } else { Value::Files(vec![item]) })
    }

    fn iterations(&self, each: &ForEach, vars: Vars, path: &str) -> Option<Vec<Block>> {
        let (items, are_files) = match vars.get(&each.items)? {
            Value::List(items) => (items.clone(), false),
            Value::Files(items) => (items.clone(), true),
            Value::Text(_) | Value::File(_) => return None,
        };
        let outer = Arc::new(vars);
        let count = items.len();
        let blocks = items.into_iter().enumerate().map(|(i, item)| {
            let mut block = Block { path: format!("{path}.{i}."), ..Block::default() };
            let name = &each.name;
            let mut set =
                |field: &str, value: String| block.bindings.set(format!("{name}.{field}"), Value::Text(value));
            set("number", (i + 1).to_string());
            set("count", count.to_string());
            set("purpose", item.purpose);
            block.bindings.set(name, if are_files { Value::File(item.text) } else { Value::Text(item.text) });
            self.lay_out(&each.steps, &mut block, &outer);
            block
        });
        Some(blocks.collect())
    }

    /// Takes the id that an earlier process gave the step, if one did.
    fn add_step(&self, step: &Step, vars: &Vars, path: String) -> u32 {
        let (module, description) = step.heading().map_or_else(Default::default, |(module, description)| {
            // Names that only later steps find out stay as they are written.
            let render = |template: &crate::workflow::Template| template.render(vars).unwrap_or(template.0.clone());
            (render(module), render(description))
        });
        let mut parameters = json!({});
        if let Some(role) = step.role() {
            parameters["model"] = json!(self.job.tags.get("model").map_or(role.name(), String::as_str));
        }
        if let Step::Save(save) = step
            && let Ok(name) = save.file.render(vars)
        {
            parameters["file_name"] = json!(name);
        }
        let mut state = self.state();
        let known = StepState { path: path.clone(), module, description, parameters, ..StepState::default() };
        if let Some(id) = state.paths.get(&path).copied() {
            state.steps[id as usize - 1] = known;
            return id;
        }
        state.steps.push(known);
        let id = u32::try_from(state.steps.len()).expect("a run has fewer than 2^32 steps");
        state.paths.insert(path, id);
        id
    }
}
