//! May a workflow write this path? A pure function of the path as written and of what the disk says about it.
//!
//! Doesn't touch the disk itself, which [`disk`] asks, and doesn't ask the user, which is the caller's part.

use std::path::{Path, PathBuf};

use crate::document::reference::{Roots, innermost};

pub mod disk;
mod name;
mod protected;

pub use name::{fold, is_bidi_or_tag};

/// What may happen to a path. The path in it is where the file really is: inside a root, no link on the way that the
/// disk knew of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    Allow(PathBuf),
    /// The user has to agree first; the reason says why. Having named this very file is agreement: compare the path with
    /// that of the decision on what the user wrote.
    Confirm(PathBuf, String),
    /// Never, for this reason.
    Refuse(String),
}

/// What the disk says about a path. The default says nothing, which refuses everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The real (canonical) paths of the roots, in the order of [`Roots::folders`].
    pub roots: Vec<PathBuf>,
    /// Real paths of folders that are never written: our own state.
    pub forbidden: Vec<PathBuf>,
    /// The real path of the deepest part that exists.
    pub ancestor: PathBuf,
    /// How many parts of the path, below the root, exist.
    pub depth: usize,
    pub target: Target,
    /// An entry on the way that differs from the written part only by case or Unicode normal form.
    pub twin: Option<String>,
}

/// What is found at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    #[default]
    Absent,
    File {
        /// How many names the file has.
        links: u64,
        executable: bool,
        /// Whether it looks like text.
        text: bool,
    },
    Folder,
    /// A pipe, a device, a socket.
    Special,
    /// A link that leads nowhere, here or on the way.
    BrokenLink,
    /// A file where a folder had to be.
    UnderFile,
    /// The disk gave an error.
    Unknown(String),
}

/// Decides about `path`: a name as [`file_ref`](crate::document::reference::file_ref) gives it, or as a user or a model
/// wrote it, relative to a root, with `/` between its parts.
///
/// `facts` must come from [`disk::look`] with the same arguments. Creating, editing, renaming and deleting are judged
/// alike.
pub fn decide(roots: &Roots, path: &str, facts: &Facts) -> Decision {
    match judge(roots, path, facts) {
        Ok((path, None)) => Decision::Allow(path),
        Ok((path, Some(reason))) => Decision::Confirm(path, reason),
        Err(reason) => Decision::Refuse(reason),
    }
}

/// The real path, with the reason why it needs a confirmation; or the reason of a refusal.
fn judge(roots: &Roots, path: &str, facts: &Facts) -> Result<(PathBuf, Option<String>), String> {
    let named = parse(roots, path)?;
    match &facts.target {
        Target::Absent | Target::File { .. } => {}
        Target::Folder => return Err("it is a folder".into()),
        Target::Special => return Err("it is a pipe, a device or a socket, not a file".into()),
        Target::BrokenLink => return Err("it is, or goes through, a link that leads nowhere".into()),
        Target::UnderFile => return Err("a part of it is a file, not a folder".into()),
        Target::Unknown(cause) => return Err(format!("the disk can't be asked about it: {cause}")),
    }

    let missing = named.parts.get(facts.depth..).unwrap_or_default();
    let real = missing.iter().fold(facts.ancestor.clone(), |real, part| real.join(part));
    let root = match facts.roots.get(named.root) {
        Some(root) if real.starts_with(root) => named.root,
        _ => innermost(&facts.roots, &real).ok_or("it leaves the workspace")?,
    };
    let inside = real.strip_prefix(&facts.roots[root]).map_err(|_| "it leaves the workspace")?;
    if inside.as_os_str().is_empty() {
        return Err("it is a folder".into());
    }
    if innermost(&facts.forbidden, &real).is_some() {
        return Err("stepwright keeps its own data there".into());
    }
    if let Some(twin) = &facts.twin {
        return Err(format!("`{twin}` exists, and many systems can't tell the two names apart"));
    }
    match facts.target {
        Target::File { links: 2.., .. } => {
            return Err("it is a hard link: the same file also lives under another name".into());
        }
        Target::File { text: false, .. } => return Err("it isn't a text file".into()),
        Target::Absent => named.parts.iter().try_for_each(|part| name::may_be_created(part))?,
        _ => {}
    }

    // The name counts as well as the place: a link must not lend a protected file an innocent name, nor the reverse.
    let place = parts_of(inside);
    let place: Vec<&str> = place.iter().map(String::as_str).collect();
    let names = [named.parts.as_slice(), place.as_slice()];
    if let Some(reason) = names.iter().find_map(|parts| protected::never(parts)) {
        return Err(reason);
    }
    let executable = matches!(facts.target, Target::File { executable: true, .. });
    let reason = names
        .iter()
        .find_map(|parts| protected::ask(parts))
        .or_else(|| executable.then(|| "it is an executable file".into()));
    Ok((roots.folders()[root].join(inside), reason))
}

/// A path that is well-formed: the index of its root and its parts below it.
struct Named<'a> {
    root: usize,
    parts: Vec<&'a str>,
}

/// The part of the decision that needs no disk.
fn parse<'a>(roots: &Roots, path: &'a str) -> Result<Named<'a>, String> {
    name::check_path(path)?;
    let Some((root, inside)) = roots.split(path) else {
        return Err(match roots.names() {
            [] => "no workspace folder is open".into(),
            names => format!("with several workspace folders a path begins with one of: {}", names.join(", ")),
        });
    };
    // `split` gives an index of the same roots, but a wrong one must not cost more than a refusal.
    if root >= roots.folders().len() {
        return Err("no workspace folder is open".into());
    }
    let parts: Vec<&str> = inside.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() || inside.ends_with('/') || inside.ends_with("/.") {
        return Err("it names a folder".into());
    }
    parts.iter().try_for_each(|part| name::check_part(part))?;
    Ok(Named { root, parts })
}

fn parts_of(path: &Path) -> Vec<String> {
    path.components().map(|component| component.as_os_str().to_string_lossy().into_owned()).collect()
}

#[cfg(test)]
mod tests;
