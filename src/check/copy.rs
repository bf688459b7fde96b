//! A copy of a workspace, made once and then kept up to date: what isn't ignored is copied, what is ignored is shared by links.
//!
//! So neither the user's files nor the editor's buffers hold what is only tried, and what was built or installed is there all the same.
//! Files that may hold keys, and version control's own, are left out: what a command prints goes to a model.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    ffi::OsStr,
    fs::{self, File, Metadata},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime},
};

use super::place::CopyPlace;
use crate::{
    document::reference::{Ignore, Verdict, is_version_control, normalize},
    engine::ports::WorkspaceError,
};

/// More than that is no workspace that is copied in passing.
pub const MAX_FILES: usize = 20_000;
pub const MAX_BYTES: u64 = 512 * 1024 * 1024;
const MAX_TIME: Duration = Duration::from_secs(60);
/// Folders within folders; deeper ones are left out.
const MAX_DEPTH: usize = 100;
/// Python's folders of compiled files name the sources that they came from, and are made anew in no time.
const UNSHARED: &str = "__pycache__";

#[derive(Debug)]
pub struct WorkspaceCopy {
    /// Without links in its path.
    root: PathBuf,
    place: CopyPlace,
    /// What we put there, by its path inside the root; of copied files how source and copy looked then.
    known: HashMap<PathBuf, Option<(Stamp, Stamp)>>,
    left_out: Vec<PathBuf>,
}

/// By which a changed file is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp(u64, Option<SystemTime>);

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self(metadata.len(), metadata.modified().ok())
    }
}

impl WorkspaceCopy {
    /// An empty copy; `base` is our folder for copies.
    pub fn new(root: &Path, base: Option<&Path>) -> Result<Self, WorkspaceError> {
        let root = fs::canonicalize(root).map_err(|error| failed(root, &error))?;
        let place = CopyPlace::take(base, &root).map_err(|error| failed(&root, &error))?;
        Ok(Self { root, place, known: HashMap::new(), left_out: Vec::new() })
    }

    pub fn tree(&self) -> &Path {
        self.place.tree()
    }

    /// Files that may hold keys and aren't there for that reason.
    pub fn left_out(&self) -> &[PathBuf] {
        &self.left_out
    }

    /// Makes it what the workspace is now, with `texts` in place of what the disk has. Only what changed is written, so that a command
    /// which builds finds the rest as it was. After an error it is of no use.
    pub fn update(
        &mut self,
        ignore: &Ignore,
        texts: &BTreeMap<PathBuf, Vec<u8>>,
        stop: &AtomicBool,
    ) -> Result<(), WorkspaceError> {
        self.left_out.clear();
        let mut update =
            Update { copy: self, ignore, texts, stop, begun: Instant::now(), seen: HashSet::new(), files: 0, bytes: 0 };
        update.folder(Path::new(""), false, 0)?;
        update.texts()?;
        let seen = update.seen;
        let gone: Vec<_> = self.known.keys().filter(|name| !seen.contains(*name)).cloned().collect();
        for name in gone {
            let path = self.tree().join(&name);
            clear(&path).map_err(|error| failed(&path, &error))?;
            self.known.remove(&name);
        }
        Ok(())
    }
}

struct Update<'a> {
    copy: &'a mut WorkspaceCopy,
    ignore: &'a Ignore,
    texts: &'a BTreeMap<PathBuf, Vec<u8>>,
    stop: &'a AtomicBool,
    begun: Instant,
    seen: HashSet<PathBuf>,
    files: usize,
    bytes: u64,
}

impl Update<'_> {
    /// `ignored`: it is, but one of the texts is below it, so that it isn't shared as a whole.
    fn folder(&mut self, inside: &Path, ignored: bool, depth: usize) -> Result<(), WorkspaceError> {
        let folder = self.copy.root.join(inside);
        let entries = match fs::read_dir(&folder) {
            Err(error) if is_passed_over(&error) => return Ok(()),
            entries => entries.map_err(|error| failed(&folder, &error))?,
        };
        for entry in entries.flatten() {
            self.go_on()?;
            let (name, path) = (inside.join(entry.file_name()), entry.path());
            let Ok(kind) = entry.file_type() else { continue };
            let done = if kind.is_symlink() {
                self.link(&name, &path)
            } else if kind.is_dir() {
                self.subfolder(&name, &path, ignored, depth)?;
                continue;
            } else if kind.is_file() && !self.texts.contains_key(&name) {
                match self.ignore.verdict(&path) {
                    Verdict::Secret { .. } => {
                        self.copy.left_out.push(name);
                        continue;
                    }
                    Verdict::Blocked { reason } => return Err(refused(&reason)),
                    Verdict::Sent if !ignored => self.file(&name, &path)?,
                    Verdict::Sent | Verdict::Ignored { .. } => self.put_link(&name, &path, false),
                }
            } else {
                continue;
            };
            match done {
                Err(error) if !is_passed_over(&error) => return Err(failed(&path, &error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn subfolder(&mut self, name: &Path, path: &Path, ignored: bool, depth: usize) -> Result<(), WorkspaceError> {
        if is_version_control(path) || path.file_name() == Some(OsStr::new(UNSHARED)) {
            return Ok(());
        }
        let holds_text = self.texts.range(name.to_owned()..).next().is_some_and(|(text, _)| text.starts_with(name));
        let ignored = ignored
            || match self.ignore.folder_verdict(path) {
                Verdict::Blocked { reason } => return Err(refused(&reason)),
                verdict => verdict != Verdict::Sent,
            };
        if ignored && !holds_text {
            return self.put_link(name, path, true).map_err(|error| failed(path, &error));
        }
        // Of a workspace that holds our own folder.
        let is_copies = self.copy.tree().parent().and_then(Path::parent) == Some(path);
        if depth >= MAX_DEPTH || is_copies {
            return Ok(());
        }
        let target = self.copy.tree().join(name);
        make_folder(&target).map_err(|error| failed(&target, &error))?;
        self.folder(name, ignored, depth + 1)
    }

    /// Copies a file unless it is there as it was left.
    fn file(&mut self, name: &Path, path: &Path) -> Result<io::Result<()>, WorkspaceError> {
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(too_large(&format!("has more than {MAX_FILES} files")));
        }
        let copied = self.copy_file(name, path);
        if self.bytes > MAX_BYTES {
            return Err(too_large(&format!("has more than {} MiB", MAX_BYTES / 1024 / 1024)));
        }
        Ok(copied)
    }

    fn copy_file(&mut self, name: &Path, path: &Path) -> io::Result<()> {
        let target = self.copy.tree().join(name);
        let stamp = Stamp::of(&fs::symlink_metadata(path)?);
        let there = fs::symlink_metadata(&target).ok().filter(Metadata::is_file).map(|there| Stamp::of(&there));
        let as_left = self.copy.known.get(name).copied().flatten();
        self.seen.insert(name.to_owned());
        if as_left.is_some() && as_left == there.map(|there| (stamp, there)) {
            self.bytes += stamp.0;
            return Ok(());
        }
        if self.bytes + stamp.0 > MAX_BYTES {
            // The caller says so.
            self.bytes += stamp.0;
            return Ok(());
        }
        clear(&target)?;
        let source = File::open(path)?;
        let metadata = source.metadata()?;
        if !metadata.is_file() {
            return Ok(());
        }
        // Written rather than cloned: tools that build compare times, and an old one could pass for that of another content.
        let mut copy = File::create_new(&target)?;
        self.bytes += io::copy(&mut source.take(MAX_BYTES - self.bytes.min(MAX_BYTES) + 1), &mut copy)?;
        copy.set_permissions(metadata.permissions())?;
        self.copy.known.insert(name.to_owned(), Some((stamp, Stamp::of(&copy.metadata()?))));
        Ok(())
    }

    /// Recreates a link that stays inside the workspace.
    fn link(&mut self, name: &Path, path: &Path) -> io::Result<()> {
        let leads_to = fs::canonicalize(path)?;
        let Ok(inside) = leads_to.strip_prefix(&self.copy.root) else { return Ok(()) };
        let written = fs::read_link(path)?;
        let from = name.parent().unwrap_or(Path::new(""));
        // A way that leaves the workspace and comes back does so from its own place only.
        let stays = written.is_relative() && !normalize(&from.join(&written)).starts_with("..");
        let target = if stays { written } else { self.copy.tree().join(inside) };
        self.put_link(name, &target, leads_to.is_dir())
    }

    fn put_link(&mut self, name: &Path, target: &Path, is_folder: bool) -> io::Result<()> {
        let path = self.copy.tree().join(name);
        self.seen.insert(name.to_owned());
        self.copy.known.insert(name.to_owned(), None);
        if fs::read_link(&path).is_ok_and(|there| there == target) {
            return Ok(());
        }
        clear(&path)?;
        symlink(target, &path, is_folder)
    }

    /// The last to be written, in folders that are no links by now.
    fn texts(&mut self) -> Result<(), WorkspaceError> {
        for (name, bytes) in self.texts {
            let path = self.copy.tree().join(name);
            let mut folder = self.copy.tree().to_owned();
            for part in name.parent().unwrap_or(Path::new("")) {
                folder.push(part);
                make_folder(&folder).map_err(|error| failed(&folder, &error))?;
            }
            put_text(&path, &self.copy.root.join(name), bytes).map_err(|error| failed(&path, &error))?;
            self.seen.insert(name.clone());
            self.copy.known.insert(name.clone(), None);
        }
        Ok(())
    }

    fn go_on(&self) -> Result<(), WorkspaceError> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(refused("the run was cancelled"));
        }
        if self.begun.elapsed() > MAX_TIME {
            return Err(too_large(&format!("takes more than {} s", MAX_TIME.as_secs())));
        }
        Ok(())
    }
}

/// Writes a text unless it is there already, with the permissions of the file that it stands for.
fn put_text(path: &Path, original: &Path, bytes: &[u8]) -> io::Result<()> {
    let is_file = fs::symlink_metadata(path).is_ok_and(|there| there.is_file());
    if is_file && fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    clear(path)?;
    fs::write(path, bytes)?;
    match fs::metadata(original) {
        Ok(metadata) if metadata.is_file() => fs::set_permissions(path, metadata.permissions()),
        _ => Ok(()),
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|there| there.is_dir()) {
        return Ok(());
    }
    clear(path)?;
    fs::create_dir(path)
}

/// Removes what is there, whatever it is. A link is removed, not followed.
fn clear(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) if is_missing(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn symlink(target: &Path, path: &Path, _: bool) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn symlink(target: &Path, path: &Path, is_folder: bool) -> io::Result<()> {
    use std::os::windows::fs::{symlink_dir, symlink_file};
    if is_folder { symlink_dir(target, path) } else { symlink_file(target, path) }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What went away meanwhile, and what the command couldn't read either.
fn is_passed_over(error: &io::Error) -> bool {
    is_missing(error) || error.kind() == io::ErrorKind::PermissionDenied
}

fn failed(path: &Path, error: &io::Error) -> WorkspaceError {
    refused(&format!("`{}`: {error}", path.display()))
}

fn too_large(what: &str) -> WorkspaceError {
    refused(&format!("what isn't ignored in it {what}; add what tests don't change to `.stepwrightignore`"))
}

fn refused(cause: &str) -> WorkspaceError {
    WorkspaceError::Failed(format!("failed to copy the workspace for its check: {cause}"))
}
