//! Asks the disk what [`decide`] needs to know. The only impure part of the write policy; decides nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Decision, Facts, Target, decide, fold, parse};
use crate::document::{
    disk::is_text,
    reference::{Roots, normalize},
};

/// Decides about `path` with the disk as it is now. `forbidden` are folders that are never written.
///
/// To be asked before an edit is offered and again right before it is written, since links may be swapped in between.
pub fn check(roots: &Roots, forbidden: &[PathBuf], path: &str) -> Decision {
    decide(roots, path, &look(roots, forbidden, path))
}

/// What the disk says about `path`. A path that is refused for its name alone isn't looked up.
pub fn look(roots: &Roots, forbidden: &[PathBuf], path: &str) -> Facts {
    let Ok(named) = parse(roots, path) else { return Facts::default() };
    let mut facts = Facts {
        roots: roots.folders().iter().map(|folder| real(folder)).collect(),
        forbidden: forbidden.iter().map(|folder| real(&normalize(folder))).collect(),
        ..Facts::default()
    };
    let Some(root) = facts.roots.get(named.root) else { return Facts::default() };
    facts.ancestor = root.clone();
    for (index, part) in named.parts.iter().enumerate() {
        match step(&facts.ancestor, part) {
            Ok(Step { next: Some(next), twin }) => {
                facts.ancestor = next;
                facts.depth += 1;
                facts.twin = facts.twin.or(twin);
            }
            Ok(Step { next: None, twin }) => {
                facts.twin = facts.twin.or(twin);
                return facts;
            }
            Err(target) => return Facts { target, ..facts },
        }
        facts.target = match fs::metadata(&facts.ancestor) {
            Ok(metadata) => found(&facts.ancestor, &metadata),
            Err(error) => Target::Unknown(error.to_string()),
        };
        let is_last = index + 1 == named.parts.len();
        if !is_last && facts.target != Target::Folder {
            return Facts { target: Target::UnderFile, ..facts };
        }
        if !is_last {
            facts.target = Target::Absent;
        }
    }
    facts
}

/// One part further down.
struct Step {
    /// The real path of the entry, when there is one.
    next: Option<PathBuf>,
    /// Another entry whose name only looks different.
    twin: Option<String>,
}

fn step(folder: &Path, part: &str) -> Result<Step, Target> {
    let unknown = |error: io::Error| Target::Unknown(error.to_string());
    let path = folder.join(part);
    let next = match fs::symlink_metadata(&path) {
        Ok(_) => Some(fs::canonicalize(&path).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => unknown(error),
            _ => Target::BrokenLink,
        })?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(unknown(error)),
    };
    // The listing tells the entry's real spelling, which a case-insensitive disk doesn't when asked for a name.
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if next.is_none() && error.kind() == io::ErrorKind::NotFound => {
            return Ok(Step { next, twin: None });
        }
        Err(error) => return Err(unknown(error)),
    };
    let folded = fold(part);
    let mut twin = None;
    for entry in entries {
        let name = entry.map_err(unknown)?.file_name().to_string_lossy().into_owned();
        if name == part {
            return Ok(Step { next, twin: None });
        }
        if fold(&name) == folded {
            twin = Some(name);
        }
    }
    Ok(Step { next, twin })
}

fn found(path: &Path, metadata: &fs::Metadata) -> Target {
    if metadata.is_dir() {
        return Target::Folder;
    }
    if !metadata.is_file() {
        return Target::Special;
    }
    match is_text(path) {
        Ok(text) => Target::File { links: links(metadata), executable: is_executable(metadata), text },
        Err(error) => Target::Unknown(error.to_string()),
    }
}

/// The real path of a folder that may not exist yet: that of its deepest existing ancestor, and the rest as written.
fn real(folder: &Path) -> PathBuf {
    for ancestor in folder.ancestors() {
        if let (Ok(real), Ok(rest)) = (fs::canonicalize(ancestor), folder.strip_prefix(ancestor)) {
            // Joining an empty rest would add a separator at the end.
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    folder.to_path_buf()
}

#[cfg(unix)]
fn links(metadata: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

/// Elsewhere the number of links can't be had without opening the file in a special way.
#[cfg(not(unix))]
fn links(_: &fs::Metadata) -> u64 {
    1
}

#[cfg(unix)]
fn is_executable(metadata: &fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o111 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

#[cfg(test)]
mod tests;
