//! The files that git says were changed. Asks git when the user does, without a shell, and not for long.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use tokio::process::Command;
use tower_lsp::lsp_types::MessageType;

use super::{server::Shared, workspace::blocking};
use crate::document::{
    disk,
    reference::{MAX_GLOB_FILES, Verdict},
};

/// A large repository takes a second or two.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What git needs of the environment; no keys are among it.
const VARIABLES: &[&str] = &["PATH", "HOME", "XDG_CONFIG_HOME", "USERPROFILE", "SYSTEMROOT", "TMPDIR", "TEMP"];

impl Shared {
    /// Adds what git says was changed to the selection, or takes it out; without what is never sent unless it is named.
    pub fn select_changed(self: &Arc<Self>, add: bool) {
        let shared = self.clone();
        tokio::spawn(async move {
            let files = shared.state().files.clone();
            let mut paths = Vec::new();
            for root in files.roots.folders() {
                match changed(root).await {
                    Ok(found) => paths.extend(found),
                    Err(error) => return shared.outbox.message(MessageType::ERROR, error),
                }
            }
            let sent = blocking(move || {
                let ignore = files.ignore();
                let is_sent =
                    |path: &PathBuf| ignore.verdict(path) == Verdict::Sent && matches!(disk::is_text(path), Ok(true));
                let sent = paths.iter().filter(|path| is_sent(path)).take(MAX_GLOB_FILES);
                Ok(sent.map(|path| files.file_ref(path)).collect::<Vec<_>>())
            });
            match sent.await {
                Ok(sent) if sent.is_empty() => {
                    shared.outbox.message(MessageType::INFO, "git says that no file that may be sent was changed");
                }
                Ok(sent) => shared.say_selected(&sent, add),
                Err(error) => shared.outbox.message(MessageType::ERROR, error.to_string()),
            }
        });
    }
}

/// The repository that holds a folder.
pub fn repository(folder: &Path) -> Option<&Path> {
    folder.ancestors().find(|folder| folder.join(".git").exists())
}

/// The changed and new files below a folder; deleted ones aren't there any more. The error is a sentence.
pub async fn changed(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |cause: &str| format!("failed to ask git for changed files: {cause}");
    let Some(repository) = repository(folder) else {
        return Err(failed(&format!("`{}` is in no git repository", folder.display())));
    };
    let mut command = Command::new("git");
    // What the repository's own settings would start isn't wanted for a look at names.
    command.args(["-c", "core.fsmonitor=false", "-C"]).arg(folder);
    command.args(["status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", "."]);
    command.env_clear().envs(VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.envs([("GIT_OPTIONAL_LOCKS", "0"), ("GIT_TERMINAL_PROMPT", "0"), ("LC_ALL", "C")]);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(TIMEOUT, command.output()).await {
        Err(_) => return Err(failed(&format!("it took longer than {} s", TIMEOUT.as_secs()))),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(failed("there is no program `git` on the path; install it, or select files one by one"));
        }
        Ok(Err(error)) => return Err(failed(&error.to_string())),
        Ok(Ok(output)) => output,
    };
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(entries(&output.stdout).map(|name| repository.join(name)).filter(|path| path.is_file()).collect())
}

/// The names in what `git status --porcelain -z` prints: two letters, a blank, a path from the repository's top, a NUL.
fn entries(output: &[u8]) -> impl Iterator<Item = PathBuf> {
    output.split(|byte| *byte == 0).filter_map(|entry| entry.get(3..)).map(path)
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_paths() {
        let output = b" M a.py\0?? b c/\xc3\xa9.py\0D  gone.py\0\0X";
        let found: Vec<_> = entries(output).collect();
        assert_eq!(found, ["a.py", "b c/é.py", "gone.py"].map(PathBuf::from));
    }
}
