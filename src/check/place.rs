//! The folder in which a copy of a workspace stands while its checks run.
//!
//! The same workspace gets the same folder again where it can: tools that build by path then find what they built before in folders
//! that are shared, instead of filling these with one more set each time. A lock keeps runs apart, and says whether what is left there
//! belongs to anybody.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// Runs that check the same workspace side by side; further ones get a folder that nobody finds again.
const PLACES: usize = 8;

/// An empty folder, removed with all it got when dropped.
#[derive(Debug)]
pub struct CopyPlace {
    tree: PathBuf,
    _held: Held,
}

#[derive(Debug)]
#[expect(dead_code, reason = "held for what happens when they are dropped")]
enum Held {
    Lock(File),
    Temporary(TempDir),
}

impl CopyPlace {
    /// `base` is our folder for copies.
    pub fn take(base: Option<&Path>, root: &Path) -> io::Result<Self> {
        let mut hasher = DefaultHasher::new();
        root.hash(&mut hasher);
        let name = format!("{:016x}", hasher.finish());
        for number in 0..PLACES {
            let Some(folder) = base.map(|base| base.join(format!("{name}-{number}"))) else { break };
            if let Some(lock) = lock(&folder) {
                return Self::new(&folder, Held::Lock(lock));
            }
        }
        let temporary = tempfile::Builder::new().prefix("stepwright-check-").tempdir()?;
        let folder = temporary.path().to_owned();
        Self::new(&folder, Held::Temporary(temporary))
    }

    fn new(folder: &Path, held: Held) -> io::Result<Self> {
        // Without links in its path, so that it is the name by which tools know it.
        let tree = fs::canonicalize(folder)?.join("workspace");
        // Of a run that was killed.
        remove(&tree)?;
        fs::create_dir(&tree)?;
        Ok(Self { tree, _held: held })
    }

    pub fn tree(&self) -> &Path {
        &self.tree
    }
}

impl Drop for CopyPlace {
    fn drop(&mut self) {
        // What can't be removed now is removed by the next run.
        remove(&self.tree).ok();
    }
}

/// Links in it are removed, not followed.
fn remove(tree: &Path) -> io::Result<()> {
    match fs::remove_dir_all(tree) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes the folder and locks it; the lock ends with the process at the latest. `None` when another has it, or where there are no locks.
#[cfg(unix)]
fn lock(folder: &Path) -> Option<File> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
    let file = File::open(folder).ok()?;
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).ok()?;
    Some(file)
}

#[cfg(not(unix))]
fn lock(_: &Path) -> Option<File> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_again_kept_apart_and_emptied() {
        let base = tempfile::tempdir().unwrap();
        let take = || CopyPlace::take(Some(base.path()), Path::new("/w")).unwrap();
        let (first, second) = (take(), take());
        let path = first.tree().to_owned();
        assert_ne!(path, second.tree());
        fs::create_dir_all(path.join("a/b")).unwrap();
        drop(first);
        assert!(!path.exists() && second.tree().exists());

        // As after a crash.
        fs::create_dir_all(path.join("stale")).unwrap();
        let again = take();
        assert_eq!((again.tree(), again.tree().join("stale").exists()), (&*path, false));
        assert_ne!(CopyPlace::take(Some(base.path()), Path::new("/v")).unwrap().tree(), path);
        assert!(CopyPlace::take(None, Path::new("/w")).unwrap().tree().is_dir());
    }
}
