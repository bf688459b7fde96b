//! Taking a run back, as far as it is the same for editors and for files on disk: which edits, in which order, and what is said of it.

use super::KeptEdit;
use crate::{
    document::{
        FileRef,
        revert::{Reverted, Sides},
    },
    engine::journal::EditState,
};

/// What was done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Did {
    /// It was as before already, or is gone.
    Nothing,
    Restored,
    Deleted,
}

/// What became of the files.
#[derive(Debug, Default)]
pub struct Told {
    done: Vec<String>,
    nothing: usize,
    failed: Vec<String>,
}

/// The edits that reached their file, by file, each in the order in which they were made. Of one that was sent, the content tells.
pub fn by_file(edits: Vec<KeptEdit>) -> Vec<(FileRef, Vec<KeptEdit>)> {
    let mut files: Vec<(FileRef, Vec<KeptEdit>)> = Vec::new();
    for edit in edits.into_iter().filter(|edit| matches!(edit.state, EditState::Applied | EditState::Sent)) {
        match files.iter_mut().find(|(file, _)| *file == edit.file) {
            Some((_, edits)) => edits.push(edit),
            None => files.push((edit.file.clone(), vec![edit])),
        }
    }
    files
}

/// Both sides of each edit; the error says why they are missing.
pub fn sides(edits: &[KeptEdit]) -> Result<Vec<Sides<'_>>, String> {
    let gone = || "what it was before isn't kept any more, because the run is too old".to_owned();
    let sides = |edit: &KeptEdit| edit.texts.as_ref().ok_or_else(gone).map(|_| ());
    edits.iter().try_for_each(sides)?;
    let texts = edits.iter().flat_map(|edit| &edit.texts);
    Ok(texts.map(|texts| Sides { before: texts.before.as_deref(), after: &texts.after }).collect())
}

/// Why a file stays as it is.
pub fn reason(standing: &Reverted) -> String {
    match standing {
        Reverted::Conflict { first_line, last_line } if first_line == last_line => {
            format!("line {first_line} was changed since")
        }
        Reverted::Conflict { first_line, last_line } => {
            format!("lines {first_line} to {last_line} were changed since")
        }
        _ => "it was changed since the run created it".to_owned(),
    }
}

impl Told {
    pub fn add(&mut self, file: &FileRef, outcome: Result<Did, String>) {
        match outcome {
            Ok(Did::Nothing) => self.nothing += 1,
            Ok(Did::Restored) => self.done.push(format!("{} is as before", file.name)),
            Ok(Did::Deleted) => self.done.push(format!("{} is gone", file.name)),
            Err(reason) => self.failed.push(format!("{} stays as it is: {reason}", file.name)),
        }
    }

    /// Whether nothing of the run is left, and the sentence for the user. `name`: "Write Tests".
    pub fn sentence(&self, name: &str) -> (bool, String) {
        let Self { done, nothing, failed } = self;
        let words: Vec<&str> = failed.iter().chain(done).map(String::as_str).collect();
        let text = match (done.len(), failed.len(), nothing) {
            (0, 0, 0) => format!("{name} edited nothing that could be reverted"),
            (0, 0, _) => format!("nothing of {name} is left to revert"),
            (_, 0, _) => format!("reverted {name}: {}", words.join("; ")),
            (0, _, _) => format!("failed to revert {name}: {}", words.join("; ")),
            _ => format!("reverted {name} in part: {}", words.join("; ")),
        };
        (failed.is_empty(), text)
    }

    /// Whether anything is as before by now.
    pub fn did_something(&self) -> bool {
        !self.done.is_empty() || self.nothing > 0
    }
}
