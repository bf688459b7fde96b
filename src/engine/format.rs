//! In which form a file's new content is asked for, and what is done about an answer that has another one.
//!
//! Whole files are what models get right most often; search/replace blocks are what large files need, and strong models manage.

use super::{
    Run,
    error::StepError,
    ports::{Facts, Request, Strength, WorkspaceError},
    prompt,
    step::Scope,
};
use crate::{
    document::{
        answer::{self, Extracted, Rejected, Target},
        inline_tests,
    },
    workflow::Role,
};

/// A file of so many lines, or of so many tokens, is written anew as a whole by any model.
const SMALL_LINES: usize = 300;
const SMALL_TOKENS: usize = 4000;
/// For estimates: fewer bytes than most texts have a token, so that an estimate is rather too large.
const BYTES_PER_TOKEN: usize = 3;
/// Kept free for an answer of search/replace blocks.
const BLOCKS_TOKENS: usize = 4000;
/// Kept free for instruction and rules, beside a twentieth of the window.
const MARGIN_TOKENS: usize = 512;

/// In which form the new content of an existing file is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EditFormat {
    WholeFile,
    SearchReplace,
    /// The model can do neither.
    Refuse,
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    Rewrite,
    /// Most of it stays, as when tests are added to others.
    Extend,
}

/// Decides for a file of that size. `window`: how many tokens fit into the model, if anybody knows.
pub fn edit_format(task: Task, lines: usize, tokens: usize, strength: Strength, window: Option<u64>) -> EditFormat {
    let whole_fits = whole_file_fits(tokens, window);
    let is_small = lines <= SMALL_LINES || tokens <= SMALL_TOKENS;
    let is_strong = strength == Strength::Strong && fits(tokens.saturating_add(BLOCKS_TOKENS), window);
    match task {
        Task::Extend if is_strong => EditFormat::SearchReplace,
        _ if is_small && whole_fits => EditFormat::WholeFile,
        _ if is_strong => EditFormat::SearchReplace,
        _ if whole_fits => EditFormat::WholeFile,
        _ => EditFormat::Refuse,
    }
}

/// Whether a file can be sent and answered as a whole.
fn whole_file_fits(tokens: usize, window: Option<u64>) -> bool {
    fits(tokens.saturating_mul(2).saturating_add(tokens / 10), window)
}

fn fits(tokens: usize, window: Option<u64>) -> bool {
    let needed = (tokens as u64).saturating_add(MARGIN_TOKENS as u64);
    window.is_none_or(|window| needed <= window - window / 20)
}

/// What an answer has to be to become the content of the target.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form<'a> {
    WholeFile(Target<'a>),
    /// The `#[cfg(test)]` module of the target alone.
    TestModule(Target<'a>),
    /// What comes to the target's end.
    Addition(Target<'a>),
    Blocks {
        target: Target<'a>,
        /// Whether the whole file can be asked for when the blocks are of no use.
        whole_fits: bool,
    },
}

impl Form<'_> {
    /// The end of a prompt that asks for it.
    pub fn reminder(&self) -> String {
        match self {
            Form::WholeFile(target) => prompt::ask_for_file(target.nonce, target.name),
            Form::TestModule(target) => prompt::ask_for_test_module(target.nonce, target.name),
            Form::Addition(target) => prompt::ask_for_addition(target.nonce, target.name),
            Form::Blocks { target, .. } => {
                let marks = answer::marks(answer::mark_length(target.original.unwrap_or_default()));
                prompt::ask_for_blocks(target.nonce, target.name, &marks)
            }
        }
    }

    fn take(&self, answer: &str) -> Result<Extracted, Rejected> {
        match self {
            Form::WholeFile(target) => answer::file_content(answer, target),
            Form::TestModule(target) => with_inline_tests(answer, target),
            Form::Addition(target) => answer::appended_text(answer, target),
            Form::Blocks { target, .. } => answer::edited_content(answer, target),
        }
    }
}

impl Run {
    /// In which form the target's new content is asked for. A file that is too large for the model is an error before anything is sent.
    pub(super) async fn form<'a>(&self, role: Role, scope: &Scope, target: Target<'a>) -> Result<Form<'a>, StepError> {
        if scope.is_inline(target.name) {
            return Ok(Form::TestModule(target));
        }
        let Some(text) = target.original.filter(|text| !text.trim().is_empty()) else {
            return Ok(Form::WholeFile(target));
        };
        let Facts { strength, context_window: window, .. } = self.facts(role).await?;
        let (lines, tokens) = (text.lines().count(), text.len().div_ceil(BYTES_PER_TOKEN));
        let task = if scope.is_test_file(target.name) { Task::Extend } else { Task::Rewrite };
        match edit_format(task, lines, tokens, strength, window) {
            EditFormat::WholeFile => Ok(Form::WholeFile(target)),
            EditFormat::SearchReplace => Ok(Form::Blocks { target, whole_fits: whole_file_fits(tokens, window) }),
            EditFormat::Refuse => {
                Err(WorkspaceError::Failed(too_large(target.name, lines, tokens, strength, window)).into())
            }
        }
    }

    /// Asks for content in that form. Blocks that can't be applied are asked for once more, with what is wrong about them; then the whole
    /// file, if it fits.
    pub(super) async fn extracted(&self, id: u32, request: Request, form: &Form<'_>) -> Result<Extracted, StepError> {
        let unusable =
            |rejected: Rejected| StepError::Answer { module: request.step.clone(), cause: rejected.to_string() };
        // Asking again for what a model won't do costs, and changes nothing.
        let is_final = |rejected: &Rejected| matches!(rejected, Rejected::Refused { .. });

        let reply = self.answer(id, request.clone(), false).await?;
        let rejected = match form.take(&reply) {
            Ok(extracted) => return Ok(extracted),
            Err(rejected) => rejected,
        };
        let Form::Blocks { target, whole_fits } = form else { return Err(unusable(rejected)) };
        if is_final(&rejected) {
            return Err(unusable(rejected));
        }

        // The reminder stands at the end of the prompt, and comes there again.
        let reminder = form.reminder();
        let prompt = request.prompt.trim_end();
        let task = prompt.strip_suffix(&reminder).unwrap_or(prompt);
        let ask = |end: String| self.answer(id, Request { prompt: format!("{task}{end}\n"), ..request.clone() }, false);
        let complaint = prompt::complaint(target.nonce, &reply, &rejected);
        let rejected = match form.take(&ask(format!("\n{complaint}\n\n{reminder}")).await?) {
            Ok(extracted) => return Ok(extracted),
            Err(rejected) => rejected,
        };
        if is_final(&rejected) || !whole_fits {
            return Err(unusable(rejected));
        }

        let form = Form::WholeFile(*target);
        form.take(&ask(form.reminder()).await?).map_err(unusable)
    }
}

/// Why nothing is asked, and what the user can do.
fn too_large(name: &str, lines: usize, tokens: usize, strength: Strength, window: Option<u64>) -> String {
    let window = window.map(|tokens| format!(" of {tokens} tokens")).unwrap_or_default();
    let stronger = match strength {
        Strength::Strong => "",
        Strength::Weak => ", or, if this one is good at edits, set `strength = \"strong\"` for it in `[models]`",
    };
    format!(
        "failed to rewrite `{name}`: its {lines} lines, about {tokens} tokens, are too much for the model's context window{window}; \
         choose a model with a larger one{stronger}, or split the file"
    )
}

/// Everything around the test module is the file under test and stays as it is, byte for byte.
fn with_inline_tests(answer: &str, target: &Target<'_>) -> Result<Extracted, Rejected> {
    let source = target.original.unwrap_or_default();
    let mut extracted = answer::file_content(answer, &Target { original: None, ..*target })?;
    let Some(answered) = inline_tests::find(&extracted.text) else {
        return Err(Rejected::NoTestModule);
    };
    let module = &extracted.text[answered];
    extracted.text = match inline_tests::find(source) {
        Some(old) => format!("{}{module}{}", &source[..old.start], &source[old.end..]),
        None => {
            let gap = if source.is_empty() || source.ends_with("\n\n") {
                ""
            } else if source.ends_with('\n') {
                "\n"
            } else {
                "\n\n"
            };
            format!("{source}{gap}{module}\n")
        }
    };
    Ok(extracted)
}

#[cfg(test)]
mod tests;
