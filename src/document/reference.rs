//! What the user refers to, as URIs, paths or globs → files; and which files are never sent.
//!
//! Knows no editor and no model. Reading content is [`super::disk`]'s part, whether a path may be written [`super::path`]'s.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::document::{FileRef, Place};

mod glob;
mod ignored;
mod roots;
mod secret;
mod suggest;
mod uri;

pub use glob::{VERSION_CONTROL, is_version_control};
pub use ignored::{Ignore, RULE_FILES, Verdict};
pub use roots::{Roots, file_ref, innermost, normalize};
pub use secret::is_secret;
pub use uri::{from_uri, to_uri};

/// Files that one glob may stand for.
pub const MAX_GLOB_FILES: usize = 1000;

/// A reference that doesn't lead to files. Every message names it and says what to do.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ReferenceError {
    #[error("failed to use `{uri}`: {reason}")]
    Uri { uri: String, reason: String },
    #[error("failed to find `{name}`: no such file{}", did_you_mean(.nearest))]
    Missing { name: String, nearest: Option<String> },
    #[error("failed to use `{name}`: it is a folder; name its files with a glob such as `{glob}`")]
    Folder { name: String, glob: String },
    #[error("failed to use `{name}`: it is a pipe, a device or a socket, not a file")]
    Special { name: String },
    #[error("failed to use `{name}`: it is in several workspace folders; say which: {}", quoted(.candidates))]
    Ambiguous { name: String, candidates: Vec<String> },
    #[error("failed to understand the glob `{glob}`: {reason}")]
    BadGlob { glob: String, reason: String },
    #[error("failed to expand `{glob}`: no file matches{}", left_out(*.count, .reason))]
    NoMatch {
        glob: String,
        /// Files that match, but may not be sent: ignored, secret, blocked or binary.
        count: usize,
        /// Why the first of them, or the whole folder, is left out.
        reason: Option<String>,
    },
    #[error("failed to expand `{glob}`: it stands for more than {limit} files; use a narrower one")]
    TooMany { glob: String, limit: usize },
    #[error(
        "failed to expand `{glob}`: more than {limit} files and folders would have to be looked at; use a narrower one"
    )]
    TooWide { glob: String, limit: usize },
    #[error("failed to expand `{glob}`: globs stay inside the workspace folders")]
    GlobOutside { glob: String },
}

/// The files that `references` stand for, in order, each once.
///
/// A reference is a `file:` URI, the URI of an unsaved buffer, a path (absolute, or relative to a root), or a glob. A
/// file that is named must exist or be open; that it is named overrides every ignore rule. A glob leaves out what is
/// ignored, secret, binary, a link, or version control's own.
pub fn resolve(
    roots: &Roots,
    references: &[String],
    open: &dyn Fn(&Path) -> bool,
    ignore: &Ignore,
) -> Result<Vec<FileRef>, ReferenceError> {
    let mut files = Vec::new();
    let mut known = HashSet::new();
    for reference in references {
        let found = resolve_one(roots, reference, open, ignore)?;
        files.extend(found.into_iter().filter(|file| known.insert(file.place.clone())));
    }
    Ok(files)
}

fn resolve_one(
    roots: &Roots,
    reference: &str,
    open: &dyn Fn(&Path) -> bool,
    ignore: &Ignore,
) -> Result<Vec<FileRef>, ReferenceError> {
    // A file's own name comes first: `[id].tsx` looks like a glob, `notes: a.md` like a URI.
    let candidates = candidates(roots, reference);
    let mut found: Vec<&PathBuf> = candidates.iter().filter(|path| open(path) || path.is_file()).collect();
    found.dedup();
    match found[..] {
        [] => {}
        [path] => return Ok(vec![file_ref(roots, path)]),
        _ => {
            let candidates = found.iter().map(|path| file_ref(roots, path).name).collect();
            return Err(ReferenceError::Ambiguous { name: reference.into(), candidates });
        }
    }
    if uri::scheme(reference).is_some() {
        let file = from_uri(roots, reference)?;
        if let Place::Disk(path) = &file.place
            && !open(path)
            && !path.is_file()
        {
            return Err(missing(roots, reference, std::slice::from_ref(path), ignore));
        }
        return Ok(vec![file]);
    }
    let exists = candidates.iter().any(|path| path.exists());
    if glob::is_glob(reference) && !exists {
        return glob::expand(roots, reference, ignore);
    }
    Err(missing(roots, reference, &candidates, ignore))
}

/// The places that a reference may mean when it is a path.
fn candidates(roots: &Roots, reference: &str) -> Vec<PathBuf> {
    // Nothing on any disk has a NUL in its name, and some system calls say so in confusing ways.
    if reference.is_empty() || reference.contains('\0') {
        return Vec::new();
    }
    let path = Path::new(reference);
    if path.is_absolute() {
        return vec![normalize(path)];
    }
    let named = roots.split(reference).map(|(root, inside)| roots.folders()[root].join(inside));
    if let Some(path) = named.as_ref().filter(|path| path.exists()) {
        return vec![normalize(path)];
    }
    let mut candidates: Vec<PathBuf> = roots.folders().iter().map(|root| normalize(&root.join(path))).collect();
    candidates.extend(named.map(|path| normalize(&path)));
    candidates.sort();
    candidates.dedup();
    candidates
}

/// The names of files in the workspace that may be sent, sorted, at most `limit`: what is found by looking around.
pub fn listing(roots: &Roots, ignore: &Ignore, limit: usize) -> Vec<String> {
    let mut names = Vec::new();
    for folder in roots.folders() {
        glob::walk(folder, ignore, limit, &mut |path, verdict| {
            if verdict == Verdict::Sent {
                names.push(file_ref(roots, path).name);
            }
            names.len() < limit
        });
    }
    names.sort();
    names
}

/// Why none of `candidates` is a file.
fn missing(roots: &Roots, reference: &str, candidates: &[PathBuf], ignore: &Ignore) -> ReferenceError {
    let name = reference.to_string();
    if let Some(folder) = candidates.iter().find(|path| path.is_dir()) {
        let folder = file_ref(roots, folder).name;
        let glob = if folder == "." { "**/*".into() } else { format!("{folder}/**/*") };
        return ReferenceError::Folder { name, glob };
    }
    if candidates.iter().any(|path| path.exists()) {
        return ReferenceError::Special { name };
    }
    let wanted = candidates.first().map_or_else(|| name.clone(), |path| file_ref(roots, path).name);
    ReferenceError::Missing { name, nearest: suggest::nearest(roots, &wanted, ignore) }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or(String::new(), |nearest| format!("; did you mean `{nearest}`?"))
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn left_out(count: usize, reason: &Option<String>) -> String {
    let Some(reason) = reason else { return String::new() };
    match count {
        0 => format!(", because the folder is left out: {reason}"),
        1 => format!(" but one that is left out: {reason}; name it without a glob to send it"),
        _ => format!(
            " but {count} that are left out, the first because: {reason}; name them without a glob to send them"
        ),
    }
}

#[cfg(test)]
mod tests;
