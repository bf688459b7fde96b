//! `stepwright editor NAME`: what to paste into an editor's configuration. Knows no editor beyond these texts.
//!
//! Each text is a file in the editor's own language, with `"stepwright-binary"` where the path of the program belongs.

use std::path::Path;

use thiserror::Error;

const TEXTS: [(&str, &str); 9] = [
    ("helix", include_str!("editor/helix/languages.toml")),
    ("helix-keys", include_str!("editor/helix/config.toml")),
    ("neovim", include_str!("editor/neovim.lua")),
    ("vscode", include_str!("editor/vscode.json")),
    ("emacs", include_str!("editor/emacs.el")),
    ("kakoune", include_str!("editor/kakoune.kak")),
    ("zed", include_str!("editor/zed.json")),
    ("kate", include_str!("editor/kate.json")),
    ("sublime", include_str!("editor/sublime.json")),
];

/// The servers that Helix starts for each language by itself: a list in the user's file takes the place of these.
const HELIX_LANGUAGES: &str = include_str!("editor/helix/languages.txt");

const PLACE: &str = "\"stepwright-binary\"";

/// Why there is no configuration to print.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EditorError {
    #[error("there is no configuration for `{name}`; the names are: {names}")]
    Unknown { name: String, names: String },
    #[error("failed to print the path of this program: it has characters that configuration files can't hold; move it")]
    Path,
}

/// The editors that [`setup`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    TEXTS.iter().map(|(name, _)| *name)
}

/// The configuration for an editor that starts this `binary`.
pub fn setup(name: &str, binary: &Path) -> Result<String, EditorError> {
    let Some((_, text)) = TEXTS.iter().find(|(known, _)| *known == name) else {
        let names: Vec<_> = names().collect();
        return Err(EditorError::Unknown { name: name.into(), names: names.join(", ") });
    };
    // This one starts no program.
    if name == "helix-keys" {
        return Ok((*text).to_owned());
    }
    let path = binary.to_str().filter(|path| !path.chars().any(char::is_control)).ok_or(EditorError::Path)?;
    // In Kakoune the path stands within `%{…}`, which ends at the first brace too many.
    if name == "kakoune" && path.contains(['{', '}']) {
        return Err(EditorError::Path);
    }
    // All of these languages write a text in double quotes, and escape these two with a backslash.
    let quoted = format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\""));
    let text = text.replace(PLACE, &quoted);
    Ok(if name == "helix" { text + &helix_languages() } else { text })
}

/// An entry for each language, with this server behind its own.
fn helix_languages() -> String {
    let lines = HELIX_LANGUAGES.lines().filter(|line| !line.starts_with('#'));
    let entries = lines.filter_map(|line| line.split_once(':')).map(|(language, servers)| {
        let servers = servers.split_whitespace().chain(["stepwright"]).map(|name| format!("\"{name}\""));
        let servers = servers.collect::<Vec<_>>().join(", ");
        format!("\n[[language]]\nname = \"{language}\"\nlanguage-servers = [{servers}]\n")
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;

    use super::*;

    /// Awkward on purpose: blanks, backslashes and quotes.
    const BINARY: &str = r#"C:\Program Files\step "wright".exe"#;

    fn printed(name: &str) -> String {
        setup(name, Path::new(BINARY)).unwrap()
    }

    fn without_comments(text: &str, comment: &str) -> String {
        text.lines().filter(|line| !line.trim_start().starts_with(comment)).collect::<Vec<_>>().join("\n")
    }

    /// Whether brackets outside texts and comments close in order.
    fn is_balanced(text: &str, quotes: &str) -> bool {
        let mut open = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            match character {
                '(' => open.push(')'),
                '[' => open.push(']'),
                '{' => open.push('}'),
                ')' | ']' | '}' if open.pop() != Some(character) => return false,
                quote if quotes.contains(quote) => loop {
                    match characters.next() {
                        Some('\\') => _ = characters.next(),
                        Some(end) if end == quote => break,
                        Some(_) => {}
                        None => return false,
                    }
                },
                _ => {}
            }
        }
        open.is_empty()
    }

    #[test]
    fn every_text_names_this_program() {
        for (name, text) in TEXTS.into_iter().filter(|(name, _)| *name != "helix-keys") {
            assert!(text.contains(PLACE), "{name}");
            assert!(!printed(name).contains(PLACE), "{name}");
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{name}");
        }
    }

    #[test]
    fn unknown_names_are_answered_with_the_known_ones() {
        let error = setup("ed", Path::new("/b")).unwrap_err().to_string();
        assert!(TEXTS.iter().all(|(name, _)| error.contains(name)), "{error}");
        assert_eq!(setup("helix", Path::new("/a\nb")), Err(EditorError::Path));
        assert_eq!(setup("kakoune", Path::new("/a}b")), Err(EditorError::Path));
    }

    #[test]
    fn helix_keeps_the_servers_of_each_language() {
        let table: toml::Table = printed("helix").parse().unwrap();
        assert_eq!(table["language-server"]["stepwright"]["command"].as_str(), Some(BINARY));
        let languages = table["language"].as_array().unwrap();
        let servers: BTreeMap<&str, Vec<&str>> = languages
            .iter()
            .map(|language| {
                let servers = language["language-servers"].as_array().unwrap();
                (language["name"].as_str().unwrap(), servers.iter().map(|name| name.as_str().unwrap()).collect())
            })
            .collect();
        assert_eq!(servers.len(), languages.len(), "a language stands here twice");
        assert!(servers.values().all(|servers| servers.last() == Some(&"stepwright")));
        assert!(servers.len() > 250 && servers.values().filter(|servers| servers.len() > 1).count() > 130);
        // Names of keys: never sent, so no server either.
        assert!(!servers.contains_key("pem") && !servers.contains_key("env"));
        assert_eq!(servers["python"], ["ty", "ruff", "jedi", "pylsp", "stepwright"]);
        assert_eq!(servers["go"], ["gopls", "golangci-lint-lsp", "stepwright"]);
    }

    #[test]
    fn helix_keys_type_complete_commands() {
        let table: toml::Table = printed("helix-keys").parse().unwrap();
        let keys = table["keys"]["normal"]["space"]["i"].as_table().unwrap();
        for (key, binding) in keys {
            let binding = binding.as_str().unwrap();
            // `@` types, up to the quote where the instruction goes; `:` runs.
            let typed = binding.strip_prefix("@:").and_then(|typed| typed.strip_suffix("\"\"}<left><left>"));
            let command = typed.map(|typed| format!("{typed}\"\"}}")).or(binding.strip_prefix(':').map(str::to_owned));
            let command = command.unwrap_or_else(|| panic!("{key}: {binding}"));
            let (name, argument) = command.strip_prefix("lsp-workspace-command ").unwrap().split_once(' ').unwrap();
            assert!(name.starts_with("stepwright."), "{key}");
            let argument = argument.replace("%{buffer_name}", "src/a.rs");
            let argument = argument.replace("%{selection_line_start}", "1").replace("%{selection_line_end}", "2");
            assert!(!argument.contains(['%', '<', '>']), "{key}: {argument}");
            let argument: Value = serde_json::from_str(&argument).unwrap();
            assert_eq!(typed.is_some(), argument["instruction"] == "", "{key}");
        }
    }

    /// The files under `editors/` that people copy are what the command prints for a program on the path. Run with
    /// `UPDATE_EXPECT=1` to write them anew.
    #[test]
    fn copies_in_the_repository_are_what_is_printed() {
        for (name, file) in [
            ("helix", "helix/languages.toml"),
            ("helix-keys", "helix/config.toml"),
            ("emacs", "emacs/stepwright.el"),
            ("kakoune", "kakoune/stepwright.kak"),
            ("zed", "zed/tasks.json"),
            ("kate", "kate/settings.json"),
            ("sublime", "sublime/LSP.sublime-settings"),
        ] {
            let copy = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("editors").join(file);
            expect_test::expect_file![copy].assert_eq(&setup(name, Path::new("stepwright")).unwrap());
        }
    }

    #[test]
    fn json_is_json_but_for_lines_of_comments() {
        let settings: Value = serde_json::from_str(&without_comments(&printed("vscode"), "//")).unwrap();
        assert_eq!(settings["glspc.server.command"], BINARY);
        assert_eq!(settings["glspc.server.commandArguments"], serde_json::json!(["lsp"]));
        let tasks: Value = serde_json::from_str(&without_comments(&printed("zed"), "//")).unwrap();
        let kate: Value = serde_json::from_str(&printed("kate")).unwrap();
        assert_eq!(kate["servers"]["stepwright"]["command"], serde_json::json!([BINARY, "lsp"]));
        let sublime: Value = serde_json::from_str(&without_comments(&printed("sublime"), "//")).unwrap();
        assert_eq!(sublime["clients"]["stepwright"]["command"], serde_json::json!([BINARY, "lsp"]));
        assert!(tasks.as_array().unwrap().iter().all(|task| task["command"] == BINARY && task["args"][0] == "run"));
    }

    #[test]
    fn programs_have_their_brackets_in_order() {
        assert!(is_balanced(&without_comments(&printed("neovim"), "--"), "\"'"));
        assert!(is_balanced(&without_comments(&printed("emacs"), ";"), "\""));
        assert!(is_balanced(&without_comments(&printed("kakoune"), "#"), "\"'"));
    }

    #[test]
    fn kakoune_holds_a_server_in_toml() {
        let text = printed("kakoune");
        let (_, from) = text.split_once("stepwright_server %{").unwrap();
        let server: toml::Table = from.split_once('}').unwrap().0.parse().unwrap();
        assert_eq!(server["stepwright"]["command"].as_str(), Some(BINARY));
    }
}
