//! Whatever was recorded before a kill is what the next process gets.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Op {
    Ask {
        step: u32,
        number: u32,
        prompt: u8,
    },
    Answer {
        step: u32,
        number: u32,
    },
    Finish(u32),
    Fail(u32),
    Cancel(u32),
    Edit {
        step: u32,
        name: &'static str,
        state: EditState,
    },
    Edited {
        edit: usize,
        state: EditState,
    },
    /// The run ends, and somebody goes on with it.
    GoOn(Status),
}

/// What the next process should get.
#[derive(Default)]
struct Model {
    steps: BTreeMap<u32, ModelStep>,
    edits: Vec<(EditId, EditEntry)>,
    tokens: Option<u64>,
}

#[derive(Default)]
struct ModelStep {
    finished: bool,
    asked: BTreeMap<u32, Request>,
    answers: BTreeMap<u32, (Request, String)>,
}

fn op() -> impl Strategy<Value = Op> {
    let step = 1..4_u32;
    let number = 0..3_u32;
    let state = prop_oneof![
        Just(EditState::Sent),
        Just(EditState::Applied),
        Just(pending("busy")),
        Just(EditState::Failed { reason: "odd".to_owned() }),
        Just(EditState::Discarded),
        Just(EditState::Reverted),
    ];
    let status = prop_oneof![Just(Status::Error), Just(Status::Interrupted), Just(Status::Cancelled)];
    let name = prop_oneof![Just("a.rs"), Just("b.rs")];
    prop_oneof![
        4 => (step.clone(), number.clone(), 0..3_u8).prop_map(|(step, number, prompt)| Op::Ask { step, number, prompt }),
        4 => (step.clone(), number).prop_map(|(step, number)| Op::Answer { step, number }),
        1 => step.clone().prop_map(Op::Finish),
        1 => step.clone().prop_map(Op::Fail),
        1 => step.clone().prop_map(Op::Cancel),
        3 => (step, name, state.clone()).prop_map(|(step, name, state)| Op::Edit { step, name, state }),
        2 => (0..4_usize, state).prop_map(|(edit, state)| Op::Edited { edit, state }),
        1 => status.prop_map(Op::GoOn),
    ]
}

impl Model {
    /// A later edit that counts holds the earlier ones of its file.
    fn supersede(&mut self, edit: usize) {
        let (name, state) = (self.edits[edit].1.file.name.clone(), self.edits[edit].1.state.clone());
        if !matches!(state, EditState::Applied | EditState::Pending { .. }) {
            return;
        }
        for (_, earlier) in &mut self.edits[..edit] {
            if earlier.file.name == name && matches!(earlier.state, EditState::Pending { .. }) {
                earlier.state = EditState::Discarded;
            }
        }
    }

    fn apply(&mut self, history: &WorkspaceHistory, op: &Op) {
        let run = "r";
        let unfinished = |step: &u32| !self.steps.get(step).is_some_and(|step| step.finished);
        match op {
            Op::Ask { step, number, prompt } if unfinished(step) => {
                let prompt = format!("{step} {number} {prompt}");
                history.ask(run, *step, *number, &prompt).unwrap();
                let known = self.steps.entry(*step).or_default();
                known.asked.insert(*number, request(&prompt));
                known.answers.remove(number);
            }
            Op::Answer { step, number } if unfinished(step) => {
                let known = self.steps.entry(*step).or_default();
                let Some(asked) = known.asked.get(number) else {
                    return;
                };
                let text = format!("to {}", asked.prompt);
                history.answer(run, *step, *number, &text, usage(7)).unwrap();
                known.answers.insert(*number, (asked.clone(), text));
                *self.tokens.get_or_insert(0) += 7;
            }
            Op::Finish(step) if unfinished(step) => {
                history.step(run, *step, Status::Finished).unwrap();
                self.steps.entry(*step).or_default().finished = true;
            }
            Op::Fail(step) if unfinished(step) => {
                history.step(run, *step, Status::Error).unwrap();
                self.steps.insert(*step, ModelStep::default());
            }
            Op::Cancel(step) if unfinished(step) => history.step(run, *step, Status::Cancelled).unwrap(),
            Op::Edit { step, name, state } => {
                let text = format!("text {}", self.edits.len());
                let entry = edit_entry(*step, name, &text, state.clone());
                self.edits.push((history.keep(run, entry.clone()), entry));
                self.supersede(self.edits.len() - 1);
            }
            Op::Edited { edit, state } if *edit < self.edits.len() => {
                history.put(run, Entry::Edited { edit: self.edits[*edit].0, state: state.clone() }).unwrap();
                self.edits[*edit].1.state = state.clone();
                self.supersede(*edit);
            }
            Op::GoOn(status) => {
                history.end(run, *status).unwrap();
                self.check(&block_on(history.claim(run)).unwrap().past);
                history.begin(run).unwrap();
            }
            _ => {}
        }
    }

    fn check(&self, past: &Past) {
        assert_eq!(past.usage.map(|usage| usage.input), self.tokens);
        let mut waiting = BTreeMap::new();
        for (_, edit) in &self.edits {
            waiting.remove(&edit.file.name);
            if matches!(edit.state, EditState::Pending { .. }) {
                waiting.insert(edit.file.name.clone(), held(&edit.text));
            }
        }
        assert_eq!(past.pending, waiting);
        for id in 1..=3 {
            let step = &past.steps[&(id - 1).to_string()];
            let model = self.steps.get(&id);
            let finished = model.is_some_and(|model| model.finished);
            assert_eq!(step.left, finished.then(|| left(&format!("left {id}"))));
            if finished {
                assert!(step.answers.is_empty() && step.edit.is_none());
                continue;
            }
            let answers =
                step.answers.iter().map(|(number, answer)| (*number, (answer.request.clone(), answer.text.clone())));
            let expected = model.map(|model| model.answers.clone()).unwrap_or_default();
            assert_eq!(answers.collect::<BTreeMap<_, _>>(), expected);
            let last = self.edits.iter().rev().find(|(_, edit)| edit.step == id).map(|(_, edit)| edit);
            let last = last.filter(|edit| !matches!(edit.state, EditState::Discarded | EditState::Reverted));
            assert_eq!(step.edit.as_ref(), last);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn a_claim_gives_what_was_recorded(ops in prop::collection::vec(op(), 1..40)) {
        let world = World::new();
        let dead = world.open_dead().workspace(KEY);
        dead.begin("r").unwrap();
        let mut model = Model::default();
        for op in &ops {
            model.apply(&dead, op);
        }
        let after = world.crashed();
        let claim = block_on(after.open().workspace(KEY).claim("r")).unwrap();
        model.check(&claim.past);
    }
}
