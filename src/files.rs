//! The user's files on disk: what both front ends read and write, under one write policy. Knows no editor and no model.

use std::path::{Path, PathBuf};

use crate::{
    config::Review,
    document::{
        FileRef, Place,
        disk::{self, MAX_FILE_BYTES, WriteError},
        encoding::{self, Charset},
        format,
        merge::{Merged, merge},
        path::{self, Decision},
        reference::{self, Ignore, Roots},
        tests_for::{self, Placement},
    },
    engine::ports::{Edit, Risk, Saved, Snapshot, WorkspaceError},
};

/// How many names a listing for test placement holds at the most.
const MAX_LISTING: usize = 20_000;

/// The folders of a workspace, and which files in them may be sent or written.
#[derive(Clone, Debug)]
pub struct Files {
    pub roots: Roots,
    /// Folders of our own that no workflow writes to.
    forbidden: Vec<PathBuf>,
    ignored: Vec<String>,
    /// Where new tests go, if the user says so.
    tests: Option<String>,
}

/// What is to be done so that a file has its new text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// It has it already.
    Nothing,
    /// `after` takes the place of `before`, line ends and all; `text` is `after` as runs see it.
    Write { before: Option<String>, after: String, text: String },
    /// It can't be done without losing something; the reason why.
    Keep(&'static str),
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    Done(Saved),
    /// The file isn't what it was when the write was planned.
    Moved,
    /// The file's encoding lacks a character; which one, in words.
    Unencodable(String),
}

/// Whether an edit may be made at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Permission {
    Granted,
    /// Somebody has to agree first; the reason why.
    Needed(String),
}

impl Files {
    pub fn new(roots: Roots, forbidden: Vec<PathBuf>, ignored: Vec<String>, tests: Option<String>) -> Self {
        Self { roots, forbidden, ignored, tests }
    }

    /// The ignore rules as they are on disk now.
    pub fn ignore(&self) -> Ignore {
        Ignore::new(&self.roots, &self.ignored)
    }

    /// Resolves a path that a user or a model named, relative to a root.
    pub fn locate(&self, path: &str) -> Result<FileRef, WorkspaceError> {
        match path::disk::check(&self.roots, &self.forbidden, path) {
            Decision::Allow(path) | Decision::Confirm(path, _) => Ok(reference::file_ref(&self.roots, &path)),
            Decision::Refuse(reason) => Err(WorkspaceError::Refused { file: path.to_owned(), reason }),
        }
    }

    /// Judges a write by the disk as it is now. `named`: the user named this file for writing.
    pub fn permission(&self, file: &FileRef, named: bool) -> Result<Permission, WorkspaceError> {
        if let Place::Buffer(_) = file.place {
            return Ok(Permission::Granted);
        }
        match path::disk::check(&self.roots, &self.forbidden, &file.name) {
            Decision::Allow(_) => Ok(Permission::Granted),
            Decision::Confirm(..) if named => Ok(Permission::Granted),
            Decision::Confirm(_, reason) => Ok(Permission::Needed(reason)),
            Decision::Refuse(reason) => Err(WorkspaceError::Refused { file: file.name.clone(), reason }),
        }
    }

    pub fn exists(&self, file: &FileRef) -> bool {
        matches!(&file.place, Place::Disk(path) if path.is_file())
    }

    /// The file's text as it is on disk, line ends and all; `None` when there is no such file.
    pub fn raw(&self, file: &FileRef) -> Result<Option<String>, WorkspaceError> {
        Ok(self.decoded(file)?.map(|(text, _)| text))
    }

    /// The same for a file that an editor is to open and edit: most take any bytes without a mark for UTF-8.
    pub fn raw_for_editor(&self, file: &FileRef) -> Result<Option<String>, WorkspaceError> {
        match self.decoded(file)? {
            Some((_, Charset::Latin1)) => Err(WorkspaceError::Failed(format!(
                "failed to edit `{}`: it is Latin-1; open it in the editor with that encoding, or convert it to UTF-8",
                file.name
            ))),
            found => Ok(found.map(|(text, _)| text)),
        }
    }

    fn decoded(&self, file: &FileRef) -> Result<Option<(String, Charset)>, WorkspaceError> {
        let Place::Disk(path) = &file.place else { return Ok(None) };
        let failed = |cause: String| WorkspaceError::Failed(format!("failed to read `{}`: {cause}", file.name));
        let Some(bytes) = disk::read_file(path, MAX_FILE_BYTES).map_err(|error| failed(error.to_string()))? else {
            return Ok(None);
        };
        encoding::decode(bytes).map(Some).map_err(|error| failed(error.to_string()))
    }

    pub fn read(&self, file: &FileRef) -> Result<Snapshot, WorkspaceError> {
        let text = self.raw(file)?.map(|raw| format::normalize(&raw).into_owned());
        Ok(Snapshot { file: file.clone(), text, version: None })
    }

    /// Why a person has to look at an edit before it is made, if so.
    pub fn needs_review(&self, edit: &Edit, review: Review) -> Result<Option<String>, WorkspaceError> {
        if let Permission::Needed(reason) = self.permission(&edit.base.file, edit.named)? {
            return Ok(Some(reason));
        }
        let reason = match (edit.risk, review) {
            (Some(Risk::Hidden), _) => {
                "the new text has invisible characters that can make it look different from what it is"
            }
            (Some(Risk::Shrunk), Review::Risky | Review::Always) => "it would lose more than half of its lines",
            (_, Review::Always) => "every edit is to be looked at first",
            (Some(Risk::Shrunk) | None, _) => return Ok(None),
        };
        Ok(Some(reason.to_owned()))
    }

    /// What the file on disk becomes by `text`: in the format that it has, merged with what came into it since `base`.
    pub fn plan(&self, base: &Snapshot, text: &str) -> Result<Plan, WorkspaceError> {
        if let Place::Buffer(_) = base.file.place {
            return Err(WorkspaceError::Failed(format!("`{}` has no place on disk; save it first", base.file.name)));
        }
        plan(base, self.raw(&base.file)?, text)
    }

    /// Writes what was planned, in the file's encoding.
    pub fn write(&self, file: &FileRef, before: Option<&str>, after: &str) -> Result<Written, WorkspaceError> {
        let Place::Disk(path) = &file.place else { return Ok(Written::Moved) };
        let charset = self.decoded(file)?.map(|(_, charset)| charset).unwrap_or_default();
        let bytes = match encoding::encode(after, charset) {
            Ok(bytes) => bytes,
            Err(lacking) => return Ok(Written::Unencodable(lacking.to_string())),
        };
        // What the file's encoding lacks can't be what the file was.
        let Ok(expected) = before.map(|before| encoding::encode(before, charset)).transpose() else {
            return Ok(Written::Moved);
        };
        match disk::write_atomically(path, &bytes, expected.as_deref()) {
            Ok(()) => Ok(Written::Done(if before.is_some() { Saved::Changed } else { Saved::Created })),
            Err(WriteError::Changed(_) | WriteError::Deleted(_) | WriteError::Exists(_)) => Ok(Written::Moved),
            Err(error) => Err(WorkspaceError::Failed(format!("failed to write `{}`: {error}", file.name))),
        }
    }

    /// Where the tests of `source` go, by the rules that need no model. `open`: names of open documents.
    pub fn tests_for(&self, source: &Snapshot, open: &[String]) -> Option<Placement> {
        let listing = reference::listing(&self.roots, &self.ignore(), MAX_LISTING);
        let text = source.text.as_deref().unwrap_or_default();
        let manifest = |name: &str| self.raw(&self.locate(name).ok()?).ok()?;
        let found = tests_for::place(&source.file.name, &listing, &manifest, open, text);
        match &self.tests {
            Some(pattern) => Some(tests_for::by_pattern(pattern, &source.file.name, &listing, found)),
            None => found,
        }
    }

    /// The file at this place.
    pub fn file_ref(&self, path: &Path) -> FileRef {
        reference::file_ref(&self.roots, path)
    }
}

/// What `raw`, a file's content now, becomes by `text`, which was made from `base`. The same for files on disk and open buffers.
pub fn plan(base: &Snapshot, raw: Option<String>, text: &str) -> Result<Plan, WorkspaceError> {
    let now = raw.as_deref().map(format::normalize);
    let merged = match (&base.text, &now) {
        (base, now) if base.as_deref() == now.as_deref() => text.to_owned(),
        (Some(base), Some(now)) => match merge(base, now, text) {
            Merged { text, conflicts } if conflicts.is_empty() => text,
            _ => return Ok(Plan::Keep("the same lines were changed while the run was going on")),
        },
        (None, Some(now)) if **now == *text => return Ok(Plan::Nothing),
        (None, Some(_)) => return Ok(Plan::Keep("somebody else created the file while the run was going on")),
        (_, None) => return Ok(Plan::Keep("the file is gone")),
    };
    let after = format::restore(raw.as_deref().unwrap_or_default(), &merged);
    if raw.as_ref() == Some(&after) {
        return Ok(Plan::Nothing);
    }
    Ok(Plan::Write { before: raw, after, text: merged })
}
