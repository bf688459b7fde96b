//! Which files are never sent unless the user names them: rule files at every level, rules of the settings, secrets.
//!
//! Fails closed: a rule file that can't be read or understood blocks everything below its folder.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::{Roots, is_secret, normalize};
use crate::document::disk::read_file;

/// The rule files. Each kind is judged by itself, so that a `!keep` in one can't send what another kind forbids.
pub const RULE_FILES: [&str; 5] = [".gitignore", ".stepwrightignore", ".aiignore", ".aiexclude", ".cursorignore"];

/// Larger rule files aren't understood.
const MAX_RULE_FILE_BYTES: u64 = 1024 * 1024;

/// Whether a file may be sent without having been named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Sent,
    /// A rule says no; `by` names the rule and where it stands.
    Ignored {
        by: String,
    },
    /// Its name is that of a secret; see [`is_secret`].
    Secret {
        name: String,
    },
    /// Rules exist that can't be read, so that nobody knows.
    Blocked {
        reason: String,
    },
}

impl Verdict {
    /// Why a file isn't sent, for people; `None` when it is.
    pub fn reason(&self) -> Option<String> {
        match self {
            Verdict::Sent => None,
            Verdict::Ignored { by } => Some(format!("the rule {by}")),
            Verdict::Secret { name } => Some(format!("`{name}` may hold keys")),
            Verdict::Blocked { reason } => Some(reason.clone()),
        }
    }
}

/// The ignore rules as they are now. What was read is remembered, so a new one is made for each run.
#[derive(Debug)]
pub struct Ignore {
    roots: Roots,
    /// Where the rules begin to count for each root: the repository that it is part of, or the root itself.
    tops: Vec<PathBuf>,
    /// The rules of the settings, below each root.
    extra: Vec<Rules>,
    folders: Mutex<HashMap<PathBuf, Arc<Vec<Rules>>>>,
}

/// The rules of one file.
#[derive(Debug)]
struct Rules {
    /// The name of the file.
    kind: &'static str,
    /// Or why it can't be understood.
    matcher: Result<Gitignore, String>,
}

impl Ignore {
    /// `extra` are rules of the settings, in gitignore syntax, relative to each root.
    pub fn new(roots: &Roots, extra: &[String]) -> Ignore {
        let matcher = |folder: &PathBuf| compile(folder, None, extra.iter().map(String::as_str));
        let rules = |folder| Rules { kind: "settings", matcher: matcher(folder) };
        Ignore {
            roots: roots.clone(),
            tops: roots.folders().iter().map(|folder| repository(folder)).collect(),
            extra: roots.folders().iter().map(rules).collect(),
            folders: Mutex::default(),
        }
    }

    /// Judges a file, existing or not.
    pub fn verdict(&self, path: &Path) -> Verdict {
        self.judge(path, false)
    }

    /// Judges a folder. Nothing below one that isn't [`Verdict::Sent`] is.
    pub fn folder_verdict(&self, path: &Path) -> Verdict {
        self.judge(path, true)
    }

    fn judge(&self, path: &Path, is_folder: bool) -> Verdict {
        let path = normalize(path);
        let (root, top, extra) = match self.roots.holding(&path) {
            Some((root, _)) => (&*self.roots.folders()[root], self.tops[root].clone(), Some(&self.extra[root])),
            None => {
                let folder = path.parent().unwrap_or(&path);
                (folder, repository(folder), None)
            }
        };
        let levels: Vec<Arc<Vec<Rules>>> = levels(&top, &path).map(|level| self.rules(level)).collect();
        let all = || levels.iter().flat_map(|rules| rules.iter()).chain(extra);
        if let Some(reason) = all().find_map(|rules| rules.matcher.as_ref().err()) {
            return Verdict::Blocked { reason: reason.clone() };
        }

        // What lies above a root is how the user's disk is arranged; a root inside an ignored folder was opened on
        // purpose.
        let inside = path.strip_prefix(root).unwrap_or(&path);
        let parts: Vec<_> = inside.components().map(|part| part.as_os_str().to_string_lossy()).collect();
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        if !is_folder && is_secret(&parts) {
            return Verdict::Secret { name: parts.last().copied().unwrap_or_default().into() };
        }
        let kinds = RULE_FILES.iter().chain(&["settings"]);
        let of_kind = |kind: &&str| -> Vec<&Gitignore> {
            all().filter(|rules| rules.kind == *kind).filter_map(|rules| rules.matcher.as_ref().ok()).collect()
        };
        let by = kinds.map(of_kind).find_map(|rules| ignored(&rules, root, inside, is_folder));
        by.map_or(Verdict::Sent, |by| Verdict::Ignored { by })
    }

    /// The rules in the files of one folder.
    fn rules(&self, folder: &Path) -> Arc<Vec<Rules>> {
        // A poisoned lock holds a map that is whole: an entry is inserted at once or not at all.
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = folders.get(folder) {
            return rules.clone();
        }
        let rules = |kind: &&'static str| Some(Rules { kind, matcher: read_rules(folder, kind)? });
        let rules = Arc::new(RULE_FILES.iter().filter_map(rules).collect::<Vec<_>>());
        folders.insert(folder.to_path_buf(), rules.clone());
        rules
    }
}

/// The rule that ignores the file `inside` a root, following git: of the rule files, outermost first in `family`, the
/// innermost one that knows the name wins, with its last line; but nothing below an ignored folder can be taken back.
fn ignored(family: &[&Gitignore], root: &Path, inside: &Path, is_folder: bool) -> Option<String> {
    let mut level = root.to_path_buf();
    let mut components = inside.components().peekable();
    while let Some(component) = components.next() {
        let holder = level.clone();
        level.push(component);
        let is_folder = is_folder || components.peek().is_some();
        let rules = family.iter().rev().filter(|rules| holder.starts_with(rules.path()));
        let decisive = rules.map(|rules| rules.matched(&level, is_folder)).find(|found| !found.is_none());
        if let Some(Match::Ignore(glob)) = decisive {
            let file = glob.from().map_or("the settings".into(), |file| file.display().to_string());
            return Some(format!("`{}` in {file}", glob.original()));
        }
    }
    None
}

/// The matcher of a rule file, or why there is none; `None` when there is no such file.
fn read_rules(folder: &Path, name: &str) -> Option<Result<Gitignore, String>> {
    let path = folder.join(name);
    match fs::symlink_metadata(&path) {
        Ok(_) => {}
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return None,
        Err(error) => return Some(Err(format!("failed to read `{}`: {error}", path.display()))),
    }
    let text = match read_file(&path, MAX_RULE_FILE_BYTES) {
        Ok(Some(bytes)) => String::from_utf8(bytes).map_err(|_| "it isn't UTF-8".to_string()),
        Ok(None) => Err("it leads nowhere".into()),
        Err(error) => return Some(Err(error.to_string())),
    };
    let matcher = match &text {
        Ok(text) => compile(folder, Some(&path), text.trim_start_matches('\u{feff}').lines()),
        Err(cause) => Err(format!("failed to read `{}`: {cause}", path.display())),
    };
    Some(matcher)
}

fn compile<'a>(folder: &Path, file: Option<&Path>, lines: impl Iterator<Item = &'a str>) -> Result<Gitignore, String> {
    let place = file.map_or("the settings".into(), |file| format!("`{}`", file.display()));
    let mut builder = GitignoreBuilder::new(folder);
    for line in lines {
        let added = builder.add_line(file.map(Path::to_path_buf), line).map(drop);
        added.map_err(|error| format!("failed to understand the ignore rule `{line}` in {place}: {error}"))?;
    }
    builder.build().map_err(|error| format!("failed to understand the ignore rules in {place}: {error}"))
}

/// The folders from `top` down to the one that holds `path`.
fn levels<'a>(top: &Path, path: &'a Path) -> impl Iterator<Item = &'a Path> {
    let folders: Vec<_> = path.ancestors().skip(1).take_while(|folder| folder.starts_with(top)).collect();
    folders.into_iter().rev()
}

/// The repository that a folder is part of, since its rules hold inside as well; else the folder itself.
fn repository(folder: &Path) -> PathBuf {
    let mut ancestors = folder.ancestors();
    ancestors.find(|ancestor| ancestor.join(".git").exists()).unwrap_or(folder).to_path_buf()
}

#[cfg(test)]
mod tests;
