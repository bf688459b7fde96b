//! Which editor is played: what it declares, and where it goes its own way.

use serde_json::{Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    Vscode,
    Neovim,
    Helix,
}

impl Profile {
    pub const ALL: [Self; 3] = [Self::Vscode, Self::Neovim, Self::Helix];

    pub fn client_name(self) -> &'static str {
        match self {
            Self::Vscode => "Visual Studio Code",
            Self::Neovim => "Neovim",
            Self::Helix => "helix",
        }
    }

    /// What the editor counts as the version of a document it has just opened.
    pub fn first_version(self) -> i32 {
        match self {
            Self::Vscode => 1,
            Self::Neovim | Self::Helix => 0,
        }
    }

    /// Whether the change that an edit makes is sent before the reply to the edit, or some time after it.
    pub fn tells_change_before_reply(self) -> bool {
        self != Self::Neovim
    }

    pub fn can_cancel_progress(self) -> bool {
        self == Self::Vscode
    }

    pub fn answers_message_requests(self) -> bool {
        self != Self::Helix
    }

    pub fn creates_over_existing(self) -> bool {
        self != Self::Vscode
    }

    pub fn capabilities(self) -> Value {
        let kinds = ["", "quickfix", "refactor", "refactor.extract", "refactor.inline", "refactor.rewrite", "source"];
        let mut capabilities = json!({
            "general": { "positionEncodings": self.encodings() },
            "textDocument": {
                "synchronization": { "didSave": true },
                "codeAction": {
                    "codeActionLiteralSupport": { "codeActionKind": { "valueSet": kinds } },
                    "isPreferredSupport": true,
                    "dataSupport": true,
                    "resolveSupport": { "properties": ["edit"] },
                },
                "publishDiagnostics": { "versionSupport": true },
            },
            "window": { "workDoneProgress": true, "showMessage": { "messageActionItem": {} } },
            "workspace": {
                "applyEdit": true,
                "configuration": true,
                "workspaceFolders": true,
                "workspaceEdit": { "resourceOperations": ["create", "rename", "delete"] },
            },
        });
        let workspace_edit = &mut capabilities["workspace"]["workspaceEdit"];
        match self {
            Self::Vscode => {
                workspace_edit["documentChanges"] = json!(true);
                workspace_edit["failureHandling"] = json!("textOnlyTransactional");
                workspace_edit["normalizesLineEndings"] = json!(true);
                workspace_edit["changeAnnotationSupport"] = json!({ "groupsOnLabel": true });
                capabilities["window"]["showDocument"] = json!({ "support": true });
                capabilities["textDocument"]["codeAction"]["disabledSupport"] = json!(true);
            }
            // Takes `documentChanges`, but doesn't say so.
            Self::Neovim => capabilities["window"]["showDocument"] = json!({ "support": true }),
            // Shows documents, but doesn't say so.
            Self::Helix => {
                workspace_edit["documentChanges"] = json!(true);
                workspace_edit["failureHandling"] = json!("abort");
                capabilities["textDocument"]["codeAction"]["disabledSupport"] = json!(true);
            }
        }
        capabilities
    }

    fn encodings(self) -> &'static [&'static str] {
        match self {
            Self::Vscode => &["utf-16"],
            Self::Neovim => &["utf-8", "utf-16", "utf-32"],
            Self::Helix => &["utf-8", "utf-32", "utf-16"],
        }
    }
}
