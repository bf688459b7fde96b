//! The check step: run the tests, repair them with what the command printed, set apart what shows a fault of the code.

use super::{
    Run,
    budget::Document,
    error::StepError,
    event::Kind,
    journal::Left,
    ports::{CheckResult, CheckSession, WorkspaceError},
    prompt,
    step::Scope,
};
use crate::{
    document::{
        FileRef,
        answer::{Extracted, Flag, Target, is_shrunk},
    },
    workflow::{Check, Template, template::Value},
};

/// How often tests that pass are run, because some pass only sometimes.
const STABLE_RUNS: u32 = 3;
/// The word by which the model marks a test that shows a fault of the code.
const FINDING: &str = "FINDING:";
/// The last request, when repairing didn't help.
const DROP_FAILING: &str = "Repairing did not help. Remove only the tests that still fail, but keep each that fails because the code \
                            under test is wrong, marked as said.";
/// Lines of the output that the user is shown of a check that still fails.
const SHOWN_LINES: usize = 20;

/// A file under check, and how far it has come.
struct Checked<'a> {
    name: &'a str,
    file: &'a FileRef,
    /// As it was saved before.
    saved: &'a str,
    text: String,
    result: CheckResult,
}

impl Run {
    pub(super) async fn check(&self, id: u32, check: &Check, scope: &Scope) -> Result<Left, StepError> {
        let name = self.render(&check.module, &check.file, scope)?;
        let result = self.check_file(id, check, scope, &name).await;
        if let Err(error) = &result
            && !matches!(error, StepError::Cancelled)
        {
            self.record_check(&name, "check not finished", false);
        }
        Ok(Left { response: Some(result?), file_name: Some(name), ..Left::default() })
    }

    async fn check_file(&self, id: u32, check: &Check, scope: &Scope, name: &str) -> Result<String, StepError> {
        let Some(session) = &self.checks else {
            let cause = "no check command is trusted".to_owned();
            return Err(StepError::Workflow { module: check.module.0.clone(), cause });
        };
        if let Some(edit) = self.edited_before(id) {
            self.edit_again(id, edit, scope).await?;
        }
        let base = self.snapshot(name).await?;
        let Some(saved) = self.current_text(&base) else {
            return Err(WorkspaceError::Failed(format!("failed to check `{name}`: there is no such file")).into());
        };
        let (file, text) = (base.file.clone(), saved.clone());
        let result = self.judge(session.as_ref(), &file, &text).await?;
        let mut checked = Checked { name, file: &file, saved: &saved, text, result };
        let flags = self.repair_all(id, check, scope, session.as_ref(), &mut checked).await?;
        let Checked { text, result, .. } = checked;
        let findings = findings(&text);
        for finding in &findings {
            self.warn(&format!("a test in {name} shows a fault of the code: {finding}"));
        }
        if text != saved {
            self.edit(id, base, Some(saved), Extracted { text, flags }, scope).await?;
        }
        let words = words(&result, findings.len());
        self.record_check(name, &words, result.passed && findings.is_empty());
        Ok(response(&words, &findings, &result))
    }

    /// Until the tests pass, or the model sees nothing more to repair, or all attempts are used up; the last one drops what still fails.
    /// Returns what is to be said about the last text.
    async fn repair_all(
        &self,
        id: u32,
        check: &Check,
        scope: &Scope,
        session: &dyn CheckSession,
        checked: &mut Checked<'_>,
    ) -> Result<Vec<Flag>, StepError> {
        let mut flags = Vec::new();
        let mut attempt = 0;
        while !checked.result.passed && attempt <= check.attempts {
            let last = attempt == check.attempts;
            attempt += 1;
            match self.repair(id, check, scope, checked, last).await {
                // What fails is marked as the code's fault already, or a matter for the last request.
                Ok(repaired) if repaired.text == checked.text => {
                    if !findings(&checked.text).is_empty() {
                        break;
                    }
                    attempt = attempt.max(check.attempts);
                }
                Ok(repaired) => {
                    (checked.text, flags) = (repaired.text, repaired.flags);
                    checked.result = self.judge(session, checked.file, &checked.text).await?;
                }
                // The tests so far are worth more than this answer.
                Err(error @ StepError::Answer { .. }) => self.warn(&error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(flags)
    }

    async fn repair(
        &self,
        id: u32,
        check: &Check,
        scope: &Scope,
        checked: &Checked<'_>,
        last: bool,
    ) -> Result<Extracted, StepError> {
        let Checked { name, file, saved, text, result } = checked;
        let mut vars = scope.vars.clone();
        vars.set("output", Value::Text(prompt::output(&self.nonce, &result.output)));
        let scope = scope.inside(vars);
        let template =
            if last { Template(format!("{}\n{DROP_FAILING}", check.prompt.0)) } else { check.prompt.clone() };
        let mut composed = self.compose(&check.module, &template, &scope, &[name]).await?;
        composed.target = Some(Document { name: name.to_string(), shown: prompt::document(&self.nonce, file, text) });
        let form = self.form(check.role, &scope, Target { name, original: Some(text), nonce: &self.nonce }).await?;
        let request = self.request(id, check.role, composed, Some(form.reminder())).await?;
        let mut extracted = self.extracted(id, request, &form).await?;
        // Compared with what was saved, since that is what it takes the place of.
        extracted.flags.retain(|flag| *flag != Flag::Shrunk);
        extracted.flags.extend(is_shrunk(saved, &extracted.text).then_some(Flag::Shrunk));
        Ok(extracted)
    }

    /// Runs the command; tests that pass only sometimes fail.
    async fn judge(&self, session: &dyn CheckSession, file: &FileRef, text: &str) -> Result<CheckResult, StepError> {
        let mut texts = self.ports.workspace.unsaved();
        let pending = self.state().pending.clone();
        for (name, held) in pending {
            texts.push((self.file(&name)?, held.text));
        }
        texts.push((file.clone(), text.to_owned()));
        let mut result = self.effect(session.check(file, &texts)).await?;
        for passed in 1..STABLE_RUNS {
            if !result.passed {
                break;
            }
            result = self.effect(session.check(file, &texts)).await?;
            if !result.passed {
                let times = if passed == 1 { "once".to_owned() } else { format!("{passed} times") };
                let note = format!("The same tests passed {times} before they failed: some pass only sometimes.\n");
                result.output.insert_str(0, &note);
            }
        }
        Ok(result)
    }

    /// Adds to what became of the file.
    fn record_check(&self, name: &str, words: &str, all_well: bool) {
        let mut state = self.state();
        let so_far = state.results.get(name).map(|so_far| format!("{so_far}, ")).unwrap_or_default();
        state.results.insert(name.to_owned(), format!("{so_far}{words}"));
        if let Some(outcome) = state.files.iter_mut().find(|outcome| outcome.file.name == name)
            && !all_well
        {
            outcome.reason.get_or_insert(words.to_owned());
        }
    }

    fn warn(&self, text: &str) {
        self.report(Kind::Warning(format!("{}: {text}", self.job.name())));
    }
}

fn words(result: &CheckResult, findings: usize) -> String {
    let result = if result.passed { "tests run and all pass" } else { "tests run, some still fail" };
    match findings {
        0 => result.to_owned(),
        1 => format!("{result}, 1 marked as showing a fault of the code"),
        n => format!("{result}, {n} marked as showing a fault of the code"),
    }
}

/// What the user reads about the step.
fn response(words: &str, findings: &[String], result: &CheckResult) -> String {
    let mut text = format!("{words}\n");
    for finding in findings {
        text.push_str(&format!("- {finding}\n"));
    }
    if !result.passed {
        let lines: Vec<_> = result.output.trim_end().lines().collect();
        let shown = &lines[lines.len().saturating_sub(SHOWN_LINES)..];
        text.push_str(&format!("\nThe end of what the check command printed:\n{}\n", shown.join("\n")));
    }
    text.trim_end().to_owned()
}

fn findings(text: &str) -> Vec<String> {
    text.lines().filter_map(|line| Some(line.split_once(FINDING)?.1.trim().to_owned())).collect()
}
