//! Where configuration and state live: XDG variables where set, else what the system's own programs use.

use std::{ffi::OsString, path::PathBuf};

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};

/// Our folder in each of them.
const FOLDER: &str = "stepwright";

/// The folder of `config.toml` and `workflows/`; `None` when there is no home folder.
pub fn config_folder(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    folder(environment, "XDG_CONFIG_HOME", ".config", |native| {
        // macOS keeps files that a person edits beside other application data; its Preferences are for its own format.
        if cfg!(target_os = "macos") { native.data_dir() } else { native.config_dir() }
    })
}

/// The folder of `history.db`, `conversations/` and the trust list; `None` when there is no home folder.
pub fn state_folder(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    folder(environment, "XDG_STATE_HOME", ".local/state", |native| {
        // State stays on this machine, so on Windows it is kept out of the roaming profile.
        if cfg!(windows) { native.cache_dir() } else { native.data_dir() }
    })
}

fn folder(
    environment: &dyn Fn(&str) -> Option<OsString>,
    variable: &str,
    below_home: &str,
    native: impl Fn(&dyn BaseStrategy) -> PathBuf,
) -> Option<PathBuf> {
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // The XDG specification says to ignore relative and empty values.
    if let Some(base) = absolute(variable) {
        return Some(base.join(FOLDER));
    }
    if cfg!(any(windows, target_os = "macos")) {
        return choose_native_strategy().ok().map(|strategy| native(&strategy).join(FOLDER));
    }
    let home = absolute("HOME").or_else(|| etcetera::home_dir().ok())?;
    Some(home.join(below_home).join(FOLDER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn variables_win_and_relative_ones_are_ignored() {
        let folders = |variables: &[(&str, &str)]| {
            let environment = |name: &str| {
                variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value))
            };
            [config_folder(&environment), state_folder(&environment)]
                .map(|folder| folder.unwrap().display().to_string())
        };
        let set = [("HOME", "/home/a"), ("XDG_CONFIG_HOME", "/c"), ("XDG_STATE_HOME", "/s")];
        assert_eq!(folders(&set), ["/c/stepwright", "/s/stepwright"]);
        if !cfg!(target_os = "macos") {
            let home = ["/home/a/.config/stepwright", "/home/a/.local/state/stepwright"];
            assert_eq!(folders(&[("HOME", "/home/a")]), home);
            assert_eq!(folders(&[("HOME", "/home/a"), ("XDG_CONFIG_HOME", "c"), ("XDG_STATE_HOME", "")]), home);
        }
    }
}
