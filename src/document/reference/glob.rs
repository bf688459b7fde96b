//! Globs to files, by a walk that is sorted, capped, and never follows a link.

use std::{
    fs,
    path::{Path, PathBuf},
};

use globset::{GlobBuilder, GlobMatcher};

use super::{Ignore, MAX_GLOB_FILES, ReferenceError, Roots, Verdict, file_ref, innermost, normalize};
use crate::document::{FileRef, disk::is_text};

/// Files and folders that one walk looks at.
const MAX_WALKED_ENTRIES: usize = 200_000;

/// Folders within folders; deeper ones are left out.
const MAX_DEPTH: usize = 100;

/// Folders in which version control keeps its own data.
pub const VERSION_CONTROL: &[&str] = &[".git", ".hg", ".svn", ".jj", ".bzr", ".pijul", "_darcs"];

/// Whether a reference holds a sign that globs are made of.
pub fn is_glob(reference: &str) -> bool {
    reference.contains(['*', '?', '[', '{'])
}

/// The files that a glob stands for, sorted by name. `*` also stands for names that begin with a dot.
pub fn expand(roots: &Roots, glob: &str, ignore: &Ignore) -> Result<Vec<FileRef>, ReferenceError> {
    let mut files = Vec::new();
    let mut count = 0;
    let mut reason = None;
    for (folder, rest) in starts(roots, glob)? {
        let matcher = compile(glob, rest)?;
        if let Some(cause) = left_out(roots, &folder, ignore) {
            reason.get_or_insert(cause);
            continue;
        }
        let mut is_full = false;
        let is_whole = walk(&folder, ignore, MAX_WALKED_ENTRIES, &mut |path, verdict| {
            if !path.strip_prefix(&folder).is_ok_and(|inside| matcher.is_match(inside)) {
                return true;
            }
            let binary = || (!matches!(is_text(path), Ok(true))).then(|| "it isn't a text file".into());
            match verdict.reason().or_else(binary) {
                Some(cause) => {
                    count += 1;
                    reason.get_or_insert(cause);
                }
                None => files.push(file_ref(roots, path)),
            }
            is_full = files.len() > MAX_GLOB_FILES;
            !is_full
        });
        if is_full {
            return Err(ReferenceError::TooMany { glob: glob.into(), limit: MAX_GLOB_FILES });
        }
        if !is_whole {
            return Err(ReferenceError::TooWide { glob: glob.into(), limit: MAX_WALKED_ENTRIES });
        }
    }
    files.sort();
    files.dedup();
    match files.len() {
        0 => Err(ReferenceError::NoMatch { glob: glob.into(), count, reason }),
        1..=MAX_GLOB_FILES => Ok(files),
        _ => Err(ReferenceError::TooMany { glob: glob.into(), limit: MAX_GLOB_FILES }),
    }
}

/// Visits the regular files below `folder` in order, each with its verdict, until `visit` says `false`. Folders that
/// aren't sent, and links, aren't looked into. `false` when there are more than `limit` entries.
pub fn walk(folder: &Path, ignore: &Ignore, limit: usize, visit: &mut dyn FnMut(&Path, Verdict) -> bool) -> bool {
    let mut seen = 0;
    let mut pending = vec![(folder.to_path_buf(), 0, true)];
    // The last entry is the next in order, since each folder pushes its entries in reverse.
    while let Some((path, depth, is_folder)) = pending.pop() {
        if !is_folder {
            if !visit(&path, ignore.verdict(&path)) {
                return true;
            }
            continue;
        }
        let Ok(entries) = fs::read_dir(&path) else { continue };
        let start = pending.len();
        for entry in entries.flatten() {
            seen += 1;
            if seen > limit {
                return false;
            }
            // Of the entry itself: a link is neither a file nor a folder here.
            let Ok(kind) = entry.file_type() else { continue };
            let path = entry.path();
            let is_open = || !is_version_control(&path) && ignore.folder_verdict(&path) == Verdict::Sent;
            if kind.is_file() || (kind.is_dir() && depth < MAX_DEPTH && is_open()) {
                pending.push((path, depth + 1, kind.is_dir()));
            }
        }
        pending[start..].sort_by(|one, other| other.0.cmp(&one.0));
    }
    true
}

/// Why nothing below a folder inside a root is sent, if so.
fn left_out(roots: &Roots, folder: &Path, ignore: &Ignore) -> Option<String> {
    let (root, _) = roots.holding(folder)?;
    let root = &roots.folders()[root];
    let below = || folder.ancestors().take_while(|level| level != root);
    if below().any(is_version_control) {
        return Some("it holds version control's own data".into());
    }
    if below().any(Path::is_symlink) {
        return Some("links aren't followed".into());
    }
    ignore.folder_verdict(folder).reason()
}

/// Whether a folder holds version control's own data.
pub fn is_version_control(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
    name.is_some_and(|name| VERSION_CONTROL.contains(&name.as_str()))
}

/// The folders to walk, each with the part of the glob that is matched below it.
fn starts<'a>(roots: &Roots, glob: &'a str) -> Result<Vec<(PathBuf, &'a str)>, ReferenceError> {
    let split = split(glob);
    let mut folders: Vec<PathBuf> = Vec::new();
    if Path::new(split.folder).is_absolute() {
        folders.push(split.folder.into());
    } else {
        folders.extend(roots.folders().iter().map(|root| root.join(split.folder)));
        // With several roots the first part may be a root's own name.
        if roots.folders().len() > 1
            && let Some((root, inside)) = roots.split(&format!("{}/", split.folder))
        {
            folders.push(roots.folders()[root].join(inside.trim_end_matches('/')));
        }
    }
    let mut starts = Vec::new();
    for folder in folders {
        let folder = normalize(&folder);
        if innermost(roots.folders(), &folder).is_none() {
            return Err(ReferenceError::GlobOutside { glob: glob.into() });
        }
        starts.push((folder, split.rest));
    }
    Ok(starts)
}

/// A glob, cut before its first part that isn't a plain name.
struct Split<'a> {
    folder: &'a str,
    rest: &'a str,
}

fn split(glob: &str) -> Split<'_> {
    let sign = glob.find(['*', '?', '[', '{', '\\']).unwrap_or(glob.len());
    match glob[..sign].rfind('/') {
        Some(0) => Split { folder: "/", rest: &glob[1..] },
        Some(at) => Split { folder: &glob[..at], rest: &glob[at + 1..] },
        None => Split { folder: "", rest: glob },
    }
}

fn compile(glob: &str, rest: &str) -> Result<GlobMatcher, ReferenceError> {
    let bad = |reason: String| ReferenceError::BadGlob { glob: glob.into(), reason };
    if rest.split('/').any(|part| part == "..") {
        return Err(bad("`..` can only stand at its start".into()));
    }
    let built = GlobBuilder::new(rest).literal_separator(true).backslash_escape(true).build();
    built.map(|glob| glob.compile_matcher()).map_err(|error| bad(error.kind().to_string()))
}
