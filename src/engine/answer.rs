//! One request and its answer: recorded before it is sent, shown as it comes, and an error unless it is complete.

use futures::StreamExt;

use super::{
    Run,
    error::StepError,
    event::Kind,
    journal::{Entry, Left},
    ports::{Delta, Finish, ModelErrorKind, Request, Usage},
    spending::Held,
};
use crate::workflow::Status;

impl Run {
    /// Sends one request and returns its whole answer; an answer that isn't complete is an error.
    /// `shown`: its text is reported as it comes.
    pub(super) async fn answer(&self, id: u32, request: Request, shown: bool) -> Result<String, StepError> {
        let number = self.next_answer(id);
        if let Some(text) = self.answered_before(id, number, &request) {
            if shown {
                self.show(id, &text);
            }
            return Ok(text);
        }
        self.check_length(&request).await?;
        let mut retried = false;
        loop {
            let held = self.hold(id, &request).await?;
            self.record(Entry::Attempt { step: id, number, request: Box::new(request.clone()) }).await?;
            let sent = Request { max_output: held.limit, ..request.clone() };
            match self.effect(self.stream(id, sent, shown, &held)).await {
                // Nothing of the answer was used or shown yet, so that asking again costs no more than a request.
                Err(StepError::Model(error)) if error.kind == ModelErrorKind::Truncated && !shown && !retried => {
                    retried = true;
                }
                Ok((text, usage)) => {
                    // What the step does with it is kept before anybody sees it.
                    let entry = Entry::Answer { step: id, number, text: text.clone(), usage };
                    self.ports.journal.note(&self.job.run, entry);
                    return Ok(text);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn stream(
        &self,
        id: u32,
        request: Request,
        shown: bool,
        held: &Held<'_>,
    ) -> Result<(String, Usage), StepError> {
        let (module, cut_off) = (request.step.clone(), Self::cut_off(&request));
        let mut deltas = self.ports.model.answer(request);
        let mut text = String::new();
        while let Some(delta) = deltas.next().await {
            match delta? {
                Delta::Text(piece) => {
                    held.receive(&piece);
                    if shown {
                        self.show(id, &piece);
                    }
                    text.push_str(&piece);
                }
                Delta::Waiting { delay, reason } => self.report(Kind::Waiting { step_id: id, delay, reason }),
                Delta::Done { finish, usage } => {
                    let usage = held.settle(usage);
                    self.add_usage(usage);
                    let refused = |cause: String| Err(StepError::Answer { module: module.clone(), cause });
                    return match finish {
                        Finish::Stop if text.trim().is_empty() => {
                            refused("it is empty; run it again, or choose another model".to_owned())
                        }
                        Finish::Stop => Ok((text, usage)),
                        Finish::Length => refused(cut_off),
                        Finish::Blocked(reason) => refused(format!(
                            "the model refused: {reason}; rephrase the instruction, or choose another model"
                        )),
                        Finish::Unexpected(name) => {
                            refused(format!("the model stopped with `{name}`, which is not an end"))
                        }
                    };
                }
            }
        }
        Err(StepError::Answer { module, cause: "the answer has no end; run it again".to_owned() })
    }

    fn show(&self, id: u32, piece: &str) {
        let first = self.state().steps[id as usize - 1].status != Status::Streaming;
        if first {
            self.set_step(id, Status::Streaming, &Left::default(), None);
        }
        self.report(Kind::Text { step_id: id, text: piece.to_owned() });
    }

    fn add_usage(&self, usage: Usage) {
        let total = {
            let mut state = self.state();
            let total = match state.usage {
                None => usage,
                Some(sum) => Usage {
                    input: sum.input + usage.input,
                    cached: sum.cached + usage.cached,
                    output: sum.output + usage.output,
                    cost: sum.cost.zip(usage.cost).map(|(a, b)| a + b),
                },
            };
            *state.usage.insert(total)
        };
        self.report(Kind::Usage(total));
    }
}
