//! The check step: run the tests, repair them with what the command printed, set apart what still fails.

use super::{Done, Run, error::StepError, event::Kind, ports::CheckResult, prompt, step::Scope};
use crate::{
    document::answer::{self, Extracted, Target},
    workflow::{Check, Template, template::Value},
};

/// How often tests that pass are run, because some pass only sometimes.
const STABLE_RUNS: u32 = 3;
/// The word by which the model marks a test that shows a fault of the code.
const FINDING: &str = "FINDING:";
/// The last request, when repairing didn't help.
const DROP_FAILING: &str = "Repairing did not help. Remove only the tests that still fail, but keep each that fails because the code \
                            under test is wrong, marked as said.";

impl Run {
    pub(super) async fn check(&self, id: u32, check: &Check, scope: &mut Scope) -> Result<Done, StepError> {
        let Some(checker) = self.ports.checker.clone() else {
            return Err(StepError::Workflow {
                module: "Check".to_owned(),
                cause: "no check command is trusted".to_owned(),
            });
        };
        let name = self.render(&check.module, &check.file, scope)?;
        let base = self.snapshot(&name).await?;
        let saved = self.current_text(&base).unwrap_or_default();
        let mut text = saved.clone();
        let mut result = self.effect(checker.check(&base.file, &text)).await?;
        for attempt in 0..=check.attempts {
            if result.passed || (attempt > 0 && only_findings_left(&text)) {
                break;
            }
            let last = attempt == check.attempts;
            text = self.repair(id, check, scope, &name, &text, &result, last).await?;
            result = self.effect(checker.check(&base.file, &text)).await?;
        }
        if result.passed {
            for _ in 1..STABLE_RUNS {
                let again = self.effect(checker.check(&base.file, &text)).await?;
                result.passed &= again.passed;
            }
        }
        let findings = findings(&text);
        for finding in &findings {
            self.report(Kind::Warning(format!(
                "{}: a test in {name} shows a fault of the code: {finding}",
                self.job.name()
            )));
        }
        if text != saved {
            self.edit(base, Some(saved), Extracted { text, flags: Vec::new() }, scope).await?;
        }
        let words = match (result.passed, findings.len()) {
            (true, 0) => "tests run, all pass".to_owned(),
            (_, n) if n > 0 => format!("tests run, {n} show a fault of the code"),
            _ => "tests run, some still fail".to_owned(),
        };
        {
            let results = &mut self.state().results;
            let so_far = results.get(&name).map(|so_far| format!("{so_far}, ")).unwrap_or_default();
            results.insert(name.clone(), format!("{so_far}{words}"));
        }
        Ok(Done { response: Some(words), file_name: Some(name) })
    }

    #[expect(clippy::too_many_arguments, reason = "one request, and everything it is made of")]
    async fn repair(
        &self,
        id: u32,
        check: &Check,
        scope: &mut Scope,
        name: &str,
        text: &str,
        result: &CheckResult,
        last: bool,
    ) -> Result<String, StepError> {
        scope.vars.set("output", Value::Text(result.output.clone()));
        let template =
            if last { Template(format!("{}\n{DROP_FAILING}", check.prompt.0)) } else { check.prompt.clone() };
        let mut composed = self.compose(&check.module, &template, scope, &[name]).await?;
        let file = self.file(name)?;
        composed.own.push_str(&prompt::document(&self.nonce, &file, text));
        let request = self.request(id, check.role, composed, Some(prompt::ask_for_file(&self.nonce, name)));
        let module = request.step.clone();
        let reply = self.answer(id, request, false).await?;
        let target = Target { name, original: Some(text), nonce: &self.nonce };
        let extracted = answer::file_content(&reply, &target)
            .map_err(|rejected| StepError::Answer { module, cause: rejected.to_string() })?;
        Ok(extracted.text)
    }
}

fn findings(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.split_once(FINDING)?.1.trim().to_owned())).collect()
}

fn only_findings_left(text: &str) -> bool {
    text.contains(FINDING)
}
