//! A user of their own for each measurement: configuration, state and a workspace in a temporary folder, and nothing of the real user's.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_stepwright");

pub struct Home {
    folder: TempDir,
}

impl Home {
    /// A user without a configuration.
    pub fn new() -> Self {
        let home = Self { folder: TempDir::new().expect("there is a folder for temporary files") };
        fs::create_dir_all(home.workspace()).expect("the folder is ours");
        home
    }

    /// A user of the provider at this address.
    pub fn with_provider(address: SocketAddr, concurrency: usize) -> Self {
        let home = Self::new();
        home.write(
            "config/stepwright/config.toml",
            &format!(
                "summary = false\n[roles]\nmain = \"fake/model\"\n[limits]\nconcurrency = {concurrency}\n\
                 [providers.fake]\nwire = \"openai\"\nbase-url = \"http://{address}/v1\"\n\
                 [models.\"fake/model\"]\ncontext-window = 1000000\n"
            ),
        );
        home
    }

    pub fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// Writes a file below this folder.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        let parent = path.parent().expect("a file below a folder has a parent");
        fs::create_dir_all(parent).and_then(|()| fs::write(&path, text)).expect("the folder is ours");
    }

    /// The program, as this user starts it in the workspace.
    pub fn program(&self) -> Command {
        let mut command = Command::new(BINARY);
        let at = |name: &str| -> PathBuf { Path::join(self.folder.path(), name) };
        command
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_CONFIG_HOME", at("config"))
            .env("XDG_STATE_HOME", at("state"))
            .current_dir(self.workspace());
        command
    }
}
