//! The workspace's check command behind the engine's port: run in a copy of the workspace, as the user said it, without a shell.
//!
//! Only for workspaces that the user trusts; whether they are is decided in [`crate::setup`]. Knows no editor and no model, and writes
//! nowhere but into the copy.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

mod copy;
mod environment;
mod output;
mod place;
mod process;

use copy::WorkspaceCopy;

pub use process::kill_all;

use crate::{
    config::{Key, Settings},
    document::{
        FileRef, Place,
        disk::{self, MAX_FILE_BYTES},
        encoding, format,
        reference::{Ignore, Roots, Verdict, is_version_control},
    },
    engine::ports::{CheckResult, CheckSession, Checker, WorkspaceError},
};

/// What stands for the test file in an argument of the command.
const FILE: &str = "{file}";
/// Files that are named as missing from the copy.
const NAMED_FILES: usize = 3;

/// A check command with all that a run of it needs.
#[derive(Clone, Debug)]
pub struct CheckCommand {
    command: Vec<String>,
    timeout: Duration,
    /// The folder whose content the user trusts.
    root: PathBuf,
    roots: Roots,
    /// Ignore rules of the settings.
    ignored: Vec<String>,
    /// Our folder for copies.
    copies: Option<PathBuf>,
    /// Variables that hold keys of models.
    keys: Vec<String>,
}

impl CheckCommand {
    /// `None` where no command is set. `state` is the folder of what we keep.
    pub fn new(settings: &Settings, root: &Path, state: Option<&Path>) -> Option<Self> {
        let check = settings.check.as_ref().filter(|check| !check.command.is_empty())?;
        let keys = settings.providers.values().filter_map(|provider| match &provider.key {
            Key::Env(name) => Some(name.clone()),
            Key::None | Key::Command(_) => None,
        });
        Some(Self {
            command: check.command.clone(),
            timeout: check.timeout,
            root: root.to_owned(),
            roots: Roots::new([root.to_owned()]),
            ignored: settings.ignore.clone(),
            copies: state.map(|state| state.join("check")),
            keys: keys.collect(),
        })
    }

    /// The file's path inside the root.
    fn inside(&self, file: &FileRef) -> Option<PathBuf> {
        match &file.place {
            Place::Disk(path) => Some(self.roots.holding(path)?.1),
            Place::Buffer(_) => None,
        }
    }

    /// The command's arguments for a file. A name that begins like an option is written so that it isn't one.
    fn arguments(&self, file: &Path) -> Vec<OsString> {
        let mut name = file.as_os_str().to_owned();
        if name.as_encoded_bytes().starts_with(b"-") {
            name = Path::new(".").join(file).into_os_string();
        }
        self.command.iter().map(|argument| with_file(argument, &name)).collect()
    }

    /// The bytes that files get in the copy: their texts in the format that they have on disk. Those that are never shared are left out,
    /// but for the file that is checked.
    fn texts(&self, ignore: &Ignore, file: &FileRef, texts: &[(FileRef, String)]) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut bytes = BTreeMap::new();
        for (other, text) in texts {
            let (Some(inside), Place::Disk(path)) = (self.inside(other), &other.place) else { continue };
            let is_hidden =
                inside.ancestors().any(is_version_control) || matches!(ignore.verdict(path), Verdict::Secret { .. });
            if is_hidden && other != file {
                continue;
            }
            let on_disk = disk::read_file(path, MAX_FILE_BYTES).ok().flatten();
            let (raw, charset) = on_disk.and_then(|bytes| encoding::decode(bytes).ok()).unwrap_or_default();
            let restored = format::restore(&raw, text);
            let encoded = encoding::encode(&restored, charset).unwrap_or_else(|_| restored.into_bytes());
            bytes.insert(inside, encoded);
        }
        bytes
    }
}

impl Checker for CheckCommand {
    fn begin(&self) -> Box<dyn CheckSession> {
        Box::new(Session { check: Arc::new(self.clone()), copy: tokio::sync::Mutex::default() })
    }
}

/// The checks of one run. They share a copy, so that each builds on what the one before has built, and wait for each other.
struct Session {
    check: Arc<CheckCommand>,
    copy: tokio::sync::Mutex<Option<WorkspaceCopy>>,
}

#[async_trait]
impl CheckSession for Session {
    async fn check(&self, file: &FileRef, texts: &[(FileRef, String)]) -> Result<CheckResult, WorkspaceError> {
        let Some(inside) = self.check.inside(file) else {
            let root = self.check.root.display();
            let cause = format!("it isn't in `{root}`, the folder that the check command is trusted in");
            return Err(WorkspaceError::Failed(format!("failed to check `{}`: {cause}", file.name)));
        };
        let mut slot = self.copy.lock().await;
        let copy = self.update(slot.take(), file, texts).await?;
        let arguments = self.check.arguments(&inside);
        let environment = environment::without_keys(std::env::vars_os(), &self.check.keys);
        let ended = process::run(&arguments, copy.tree(), environment, self.check.timeout).await;
        let program = &self.check.command[0];
        let ended = ended.map_err(|error| {
            let remedy = "install it, or change `command` of `[check]` in the settings";
            WorkspaceError::Failed(format!("failed to run the check command `{program}`: {error}; {remedy}"))
        })?;
        // Where the copy is tells nobody anything; names as in the workspace do.
        let tree = copy.tree().display().to_string();
        let mut output = ended.output.replace(&format!("{tree}/"), "").replace(&tree, ".");
        if !ended.passed && !copy.left_out().is_empty() {
            let names: Vec<_> =
                copy.left_out().iter().take(NAMED_FILES).map(|name| name.display().to_string()).collect();
            let more = if copy.left_out().len() > NAMED_FILES { ", …" } else { "" };
            output.push_str(&format!("\n(not there, because they may hold keys: {}{more})\n", names.join(", ")));
        }
        *slot = Some(copy);
        Ok(CheckResult { passed: ended.passed, output })
    }
}

impl Session {
    /// Makes the copy what the workspace is now. Being dropped stops the work, which then removes what it has copied.
    async fn update(
        &self,
        copy: Option<WorkspaceCopy>,
        file: &FileRef,
        texts: &[(FileRef, String)],
    ) -> Result<WorkspaceCopy, WorkspaceError> {
        let (check, file, texts) = (self.check.clone(), file.clone(), texts.to_vec());
        let stop = StopOnDrop::default();
        let stopped = stop.0.clone();
        let work = tokio::task::spawn_blocking(move || {
            let ignore = Ignore::new(&check.roots, &check.ignored);
            let texts = check.texts(&ignore, &file, &texts);
            let mut copy = match copy {
                Some(copy) => copy,
                None => WorkspaceCopy::new(&check.root, check.copies.as_deref())?,
            };
            copy.update(&ignore, &texts, &stopped)?;
            Ok(copy)
        });
        work.await.unwrap_or_else(|error| Err(WorkspaceError::Failed(format!("failed to copy the workspace: {error}"))))
    }
}

#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn with_file(argument: &str, name: &OsStr) -> OsString {
    let mut parts = argument.split(FILE);
    let mut out = OsString::from(parts.next().unwrap_or_default());
    for part in parts {
        out.push(name);
        out.push(part);
    }
    out
}

#[cfg(all(test, unix))]
mod tests;
