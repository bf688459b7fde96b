//! Keys: where they come from, and how they stay secret. Never logged, never written, sent only by the wire they belong to.

use std::{
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use tokio::process::Command;

use crate::config::Key;

/// For a command that prints a key. It may ask for a fingerprint, but not wait for somebody who went away.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// A provider's key, or how to get it.
#[derive(Debug)]
pub enum Credential {
    None,
    Environment {
        name: String,
        value: Option<SecretString>,
    },
    Command {
        command: Vec<String>,
        /// Asked once; forgotten when a server refuses it.
        known: Mutex<Option<SecretString>>,
    },
}

impl Credential {
    pub fn new(key: &Key, environment: &dyn Fn(&str) -> Option<String>) -> Credential {
        match key {
            Key::None => Credential::None,
            Key::Env(name) => {
                let value = environment(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
                Credential::Environment { name: name.clone(), value: value.map(SecretString::from) }
            }
            Key::Command(command) => Credential::Command { command: command.clone(), known: Mutex::new(None) },
        }
    }

    /// Gets the key; `None` where none is set. The error is a clause without any of the command's output.
    pub async fn read(&self) -> Result<Option<SecretString>, String> {
        match self {
            Credential::None => Ok(None),
            Credential::Environment { value, .. } => Ok(value.clone()),
            Credential::Command { command, known } => {
                if let Some(key) = known.lock().unwrap_or_else(PoisonError::into_inner).clone() {
                    return Ok(Some(key));
                }
                let key = run(command).await?;
                *known.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
                Ok(Some(key))
            }
        }
    }

    /// Makes the next request ask the command again: short-lived keys expire.
    pub fn forget(&self) {
        if let Credential::Command { known, .. } = self {
            *known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }

    /// The key, if it is known without running anything.
    pub fn known(&self) -> Option<SecretString> {
        match self {
            Credential::None => None,
            Credential::Environment { value, .. } => value.clone(),
            Credential::Command { known, .. } => known.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

/// Runs a command without a shell and takes the first line of its output.
async fn run(command: &[String]) -> Result<SecretString, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("`key-command` is empty".to_owned());
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("failed to start the key command `{program}`: {error}"))?;
    let output = tokio::time::timeout(COMMAND_TIMEOUT, child.wait_with_output())
        .await
        .map_err(|_| format!("the key command `{program}` took more than {} s", COMMAND_TIMEOUT.as_secs()))?
        .map_err(|error| format!("failed to read from the key command `{program}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("the key command `{program}` failed ({}): run it in a terminal to see why", output.status));
    }
    let output = SecretString::from(
        String::from_utf8(output.stdout).map_err(|_| format!("the key command `{program}` printed no text"))?,
    );
    match output.expose_secret().lines().next().map(str::trim) {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line)),
        _ => Err(format!("the key command `{program}` printed nothing on its first line")),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    async fn read(command: &[&str]) -> Result<String, String> {
        let key = Key::Command(command.iter().map(|part| part.to_string()).collect());
        let key = Credential::new(&key, &|_| None).read().await?;
        Ok(key.expect("a command gives a key or an error").expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_command_gives_its_first_line() {
        assert_eq!(read(&["printf", " k1 \r\nuser: me\n"]).await, Ok("k1".to_owned()));
        // No shell: nothing is expanded.
        assert_eq!(read(&["echo", "$HOME"]).await, Ok("$HOME".to_owned()));
    }

    #[tokio::test]
    async fn a_bad_command_is_named_and_its_output_is_not() {
        for (command, said) in [
            (&["false"][..], "failed (exit status: 1)"),
            (&["true"], "printed nothing"),
            (&["/no/such/program"], "failed to start"),
            (&[], "is empty"),
            (&["sh", "-c", "echo canary; exit 3"], "exit status: 3"),
        ] {
            let error = read(command).await.unwrap_err();
            assert!(error.contains(said) && !error.contains("canary"), "{command:?}: {error}");
        }
    }

    #[tokio::test]
    async fn an_environment_key_is_trimmed_and_never_printed() {
        let credential =
            Credential::new(&Key::Env("K".to_owned()), &|name| (name == "K").then(|| " canary\n".to_owned()));
        assert_eq!(credential.read().await.unwrap().unwrap().expose_secret(), "canary");
        assert!(!format!("{credential:?}").contains("canary"));
        let unset = Credential::new(&Key::Env("K".to_owned()), &|_| Some("  ".to_owned()));
        assert!(unset.read().await.unwrap().is_none());
    }
}
