//! The user's files on disk: what both front ends read and write, under one write policy. Knows no editor and no model.

use std::path::{Path, PathBuf};

use crate::{
    document::{
        FileRef, Place,
        disk::{self, MAX_FILE_BYTES},
        format,
        merge::{Merged, merge},
        path::{self, Decision},
        reference::{self, Ignore, Roots},
        tests_for::{self, Placement},
    },
    engine::ports::{Saved, Snapshot, WorkspaceError},
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
        let Place::Disk(path) = &file.place else { return Ok(None) };
        let failed = |cause: String| WorkspaceError::Failed(format!("failed to read `{}`: {cause}", file.name));
        let Some(bytes) = disk::read_file(path, MAX_FILE_BYTES).map_err(|error| failed(error.to_string()))? else {
            return Ok(None);
        };
        format::decode(bytes).map(Some).map_err(|error| failed(error.to_string()))
    }

    pub fn read(&self, file: &FileRef) -> Result<Snapshot, WorkspaceError> {
        let text = self.raw(file)?.map(|raw| format::normalize(&raw).into_owned());
        Ok(Snapshot { file: file.clone(), text, version: None })
    }

    /// Writes `text` in the format that the file has, merged with what came into it since `base`.
    pub fn write(&self, base: &Snapshot, text: &str) -> Result<Saved, WorkspaceError> {
        let Place::Disk(path) = &base.file.place else {
            return Err(WorkspaceError::Failed(format!("`{}` has no place on disk; save it first", base.file.name)));
        };
        let raw = self.raw(&base.file)?;
        let now = raw.as_ref().map(|raw| format::normalize(raw).into_owned());
        let merged = match (&base.text, &now) {
            _ if base.text == now => text.to_owned(),
            (Some(base), Some(now)) => match merge(base, now, text) {
                Merged { text, conflicts } if conflicts.is_empty() => text,
                _ => return Ok(pending("the same lines changed on disk while the run was going on")),
            },
            (None, Some(_)) => return Ok(pending("somebody else created the file while the run was going on")),
            (_, None) => return Ok(pending("the file is gone")),
        };
        let restored = format::restore(raw.as_deref().unwrap_or_default(), &merged);
        if raw.as_ref() == Some(&restored) {
            return Ok(Saved::Unchanged);
        }
        let written = disk::write_atomically(path, restored.as_bytes(), raw.as_deref().map(str::as_bytes));
        written.map_err(|error| WorkspaceError::Failed(format!("failed to write `{}`: {error}", base.file.name)))?;
        Ok(if raw.is_some() { Saved::Changed } else { Saved::Created })
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

fn pending(reason: &str) -> Saved {
    Saved::Pending { reason: reason.to_owned() }
}
