//! The documents an editor has open over a folder, and how it carries out a workspace edit, each profile in its own way.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tower_lsp::lsp_types::Url;

use super::{
    profile::Profile,
    text::{self, Edit, Encoding},
};

pub struct Buffers {
    profile: Profile,
    pub encoding: Encoding,
    root: PathBuf,
    open: BTreeMap<String, Buffer>,
    /// Notifications about documents that are still to be sent, in order.
    pub news: Vec<(&'static str, Value)>,
}

pub struct Buffer {
    pub text: String,
    pub version: i32,
    pub dirty: bool,
}

impl Buffers {
    pub fn new(profile: Profile, root: PathBuf) -> Self {
        Self { profile, encoding: Encoding::Utf16, root, open: BTreeMap::new(), news: Vec::new() }
    }

    /// The URI of a file that is named relative to the root.
    pub fn uri(&self, file: &str) -> String {
        Url::from_file_path(self.root.join(file)).expect("the root is absolute").into()
    }

    pub fn get(&self, uri: &str) -> Option<&Buffer> {
        self.open.get(uri)
    }

    /// What the user sees when looking at the document: the buffer, else the file.
    pub fn text(&self, uri: &str) -> Option<String> {
        match self.open.get(uri) {
            Some(buffer) => Some(buffer.text.clone()),
            None => fs::read_to_string(path(uri)?).ok(),
        }
    }

    pub fn dirty(&self) -> Vec<String> {
        self.open.iter().filter(|(_, buffer)| buffer.dirty).map(|(uri, _)| uri.clone()).collect()
    }

    pub fn open(&mut self, uri: &str) -> Result<(), String> {
        if self.open.contains_key(uri) {
            return Ok(());
        }
        let path = path(uri).ok_or_else(|| format!("`{uri}` is no file"))?;
        let mut text = fs::read_to_string(&path).unwrap_or_default();
        if text.is_empty() && self.profile == Profile::Neovim {
            // An empty buffer has one empty line.
            text = "\n".into();
        }
        let version = self.profile.first_version();
        let document = json!({ "uri": uri, "languageId": language(&path), "version": version, "text": text });
        self.news.push(("textDocument/didOpen", json!({ "textDocument": document })));
        self.open.insert(uri.to_owned(), Buffer { text, version, dirty: false });
        Ok(())
    }

    pub fn save(&mut self, uri: &str) {
        let buffer = self.open.get_mut(uri).expect("an open document");
        fs::write(path(uri).expect("a file"), &buffer.text).expect("the folder is writable");
        buffer.dirty = false;
        self.news.push(("textDocument/didSave", json!({ "textDocument": { "uri": uri } })));
    }

    pub fn close(&mut self, uri: &str) {
        self.open.remove(uri).expect("an open document");
        self.news.push(("textDocument/didClose", json!({ "textDocument": { "uri": uri } })));
    }

    /// Edits an open document and prepares the news of it.
    pub fn edit(&mut self, uri: &str, edits: &[Edit]) -> Result<(), String> {
        let buffer = self.open.get_mut(uri).ok_or_else(|| format!("`{uri}` isn't open"))?;
        let mut edits = edits.to_vec();
        if self.profile == Profile::Vscode && buffer.text.contains("\r\n") {
            // What it inserts gets the line ends of the document.
            edits.iter_mut().for_each(|edit| edit.text = edit.text.replace("\r\n", "\n").replace('\n', "\r\n"));
        }
        let new = match self.profile {
            Profile::Neovim => text::apply_to_lines(&buffer.text, &edits, self.encoding),
            Profile::Vscode | Profile::Helix => text::apply(&buffer.text, &edits, self.encoding)?,
        };
        let changes = match self.profile {
            // One change an edit, the last in the document first.
            Profile::Vscode => {
                let mut edits: Vec<_> = edits.iter().enumerate().collect();
                edits.sort_by_key(|(index, edit)| (edit.range.start, edit.range.end, *index));
                edits.iter().rev().map(|(_, edit)| change(edit)).collect()
            }
            Profile::Neovim | Profile::Helix => json!([text::difference(&buffer.text, &new, self.encoding)]),
        };
        buffer.text = new;
        buffer.version += 1;
        buffer.dirty = true;
        let document = json!({ "uri": uri, "version": buffer.version });
        self.news.push(("textDocument/didChange", json!({ "textDocument": document, "contentChanges": changes })));
        Ok(())
    }

    /// Carries out a `WorkspaceEdit`; the error is the reason that the editor gives.
    pub fn apply(&mut self, edit: &Value) -> Result<(), String> {
        let Some(changes) = edit["documentChanges"].as_array() else {
            for (uri, edits) in edit["changes"].as_object().into_iter().flatten() {
                self.apply_edits(uri, edits)?;
            }
            return Ok(());
        };
        if self.profile == Profile::Vscode && changes.iter().any(|change| self.is_stale(change)) {
            return Err("the document has changed in the meantime".into());
        }
        for (index, change) in changes.iter().enumerate() {
            match (change["kind"].as_str(), self.profile) {
                (Some(kind), _) => self.apply_resource(kind, change)?,
                (None, Profile::Helix) if self.is_stale(change) => return Err("outdated workspace edit".into()),
                // Only the first document's version is looked at, a newer buffer is left alone, and nobody is told.
                (None, Profile::Neovim) if index == 0 && self.is_newer(change) => {}
                (None, _) => {
                    let uri = change["textDocument"]["uri"].as_str().ok_or("an edit without a document")?;
                    self.apply_edits(uri, &change["edits"])?;
                }
            }
        }
        Ok(())
    }

    fn is_stale(&self, change: &Value) -> bool {
        self.versions(change).is_some_and(|(ours, theirs)| ours != theirs)
    }

    fn is_newer(&self, change: &Value) -> bool {
        self.versions(change).is_some_and(|(ours, theirs)| theirs > 0 && ours > theirs)
    }

    /// The version of an open document, and the one an edit is for.
    fn versions(&self, change: &Value) -> Option<(i64, i64)> {
        let buffer = self.open.get(change["textDocument"]["uri"].as_str()?)?;
        Some((buffer.version.into(), change["textDocument"]["version"].as_i64()?))
    }

    fn apply_edits(&mut self, uri: &str, edits: &Value) -> Result<(), String> {
        let edits = edits.as_array().and_then(|edits| edits.iter().map(Edit::parse).collect::<Option<Vec<_>>>());
        let edits = edits.ok_or("edits that are none")?;
        // What wasn't open becomes a buffer that isn't saved.
        self.open(uri)?;
        self.edit(uri, &edits)
    }

    fn apply_resource(&mut self, kind: &str, change: &Value) -> Result<(), String> {
        let target = |key: &str| change[key].as_str().and_then(path).ok_or(format!("{kind} without `{key}`"));
        let option = |key: &str| change["options"][key] == true;
        let failed = |error: std::io::Error| format!("failed to {kind}: {error}");
        let make_room = |path: &Path| fs::create_dir_all(path.parent().unwrap_or(path)).map_err(failed);
        match kind {
            "create" => {
                let path = target("uri")?;
                if path.exists() && !option("overwrite") {
                    if option("ignoreIfExists") {
                        return Ok(());
                    }
                    if !self.profile.creates_over_existing() {
                        return Err(format!("`{}` exists", path.display()));
                    }
                }
                make_room(&path)?;
                fs::write(path, "").map_err(failed)
            }
            "rename" => {
                make_room(&target("newUri")?)?;
                fs::rename(target("oldUri")?, target("newUri")?).map_err(failed)
            }
            "delete" => fs::remove_file(target("uri")?).map_err(failed),
            _ => Err(format!("an unknown operation `{kind}`")),
        }
    }
}

fn change(edit: &Edit) -> Value {
    let position = |(line, character): text::Position| json!({ "line": line, "character": character });
    let range = json!({ "start": position(edit.range.start), "end": position(edit.range.end) });
    json!({ "range": range, "text": edit.text })
}

fn path(uri: &str) -> Option<PathBuf> {
    Url::parse(uri).ok()?.to_file_path().ok()
}

fn language(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => "rust",
        Some("py") => "python",
        Some("ts") => "typescript",
        Some("js") => "javascript",
        Some("md") => "markdown",
        Some("toml") => "toml",
        _ => "plaintext",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two open documents, `a` at the third version; an edit for the second version of it, and for `b`.
    fn stale(profile: Profile) -> (Result<(), String>, String, String) {
        let root = tempfile::tempdir().unwrap();
        for file in ["a", "b"] {
            fs::write(root.path().join(file), "1\n").unwrap();
        }
        let mut buffers = Buffers::new(profile, root.path().to_owned());
        let uris = ["a", "b"].map(|file| buffers.uri(file));
        for uri in &uris {
            buffers.open(uri).unwrap();
        }
        let typed = Edit { range: (0, 0)..(0, 0), text: "typed ".into() };
        buffers.edit(&uris[0], std::slice::from_ref(&typed)).unwrap();
        buffers.edit(&uris[0], &[typed]).unwrap();
        let zero = json!({ "line": 0, "character": 0 });
        let edit = |uri: &str, version: i32| {
            let edits = json!([{ "range": { "start": zero, "end": zero }, "newText": "edited " }]);
            json!({ "textDocument": { "uri": uri, "version": version }, "edits": edits })
        };
        let first = profile.first_version();
        let changes = json!({ "documentChanges": [edit(&uris[0], first + 1), edit(&uris[1], first)] });
        let outcome = buffers.apply(&changes);
        (outcome, buffers.text(&uris[0]).unwrap(), buffers.text(&uris[1]).unwrap())
    }

    #[test]
    fn stale_edits_meet_what_each_editor_does() {
        let (left_alone, edited) = ("typed typed 1\n".to_owned(), "edited 1\n".to_owned());
        let refused = |reason: &str| (Err(reason.to_owned()), left_alone.clone(), "1\n".to_owned());
        assert_eq!(stale(Profile::Vscode), refused("the document has changed in the meantime"));
        assert_eq!(stale(Profile::Helix), refused("outdated workspace edit"));
        assert_eq!(stale(Profile::Neovim), (Ok(()), left_alone.clone(), edited));
    }

    #[test]
    fn a_file_that_exists_is_created_as_each_editor_does() {
        for (profile, options, expected) in [
            (Profile::Vscode, Value::Null, Some("1\n")),
            (Profile::Neovim, Value::Null, Some("")),
            (Profile::Helix, Value::Null, Some("")),
            (Profile::Neovim, json!({ "ignoreIfExists": true, "overwrite": false }), Some("1\n")),
        ] {
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join("a"), "1\n").unwrap();
            let mut buffers = Buffers::new(profile, root.path().to_owned());
            let create = |file: &str| json!({ "kind": "create", "uri": buffers.uri(file), "options": options });
            let [existing, new] = ["a", "deep/b"].map(|file| json!({ "documentChanges": [create(file)] }));
            let fails = profile == Profile::Vscode;
            assert_eq!(buffers.apply(&existing).is_err(), fails, "{profile:?} {options}");
            assert_eq!(buffers.text(&buffers.uri("a")).as_deref(), expected, "{profile:?} {options}");
            buffers.apply(&new).unwrap();
            assert_eq!(buffers.text(&buffers.uri("deep/b")).as_deref(), Some(""));
        }
    }

    #[test]
    fn inserted_line_ends_follow_the_document_where_the_editor_sees_to_it() {
        for (profile, expected) in
            [(Profile::Vscode, "1\r\n2\r\n"), (Profile::Neovim, "1\r\n2\r\n"), (Profile::Helix, "1\n2\r\n")]
        {
            let root = tempfile::tempdir().unwrap();
            fs::write(root.path().join("a"), "1\r\n").unwrap();
            let mut buffers = Buffers::new(profile, root.path().to_owned());
            let uri = buffers.uri("a");
            buffers.open(&uri).unwrap();
            buffers.edit(&uri, &[Edit { range: (0, 1)..(0, 1), text: "\n2".into() }]).unwrap();
            assert_eq!(buffers.text(&uri).as_deref(), Some(expected), "{profile:?}");
        }
    }

    #[test]
    fn files_are_renamed_deleted_and_opened() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), "1\n").unwrap();
        let mut buffers = Buffers::new(Profile::Helix, root.path().to_owned());
        let (a, b) = (buffers.uri("a"), buffers.uri("b"));
        let insert = json!({ "range": { "start": { "line": 1, "character": 0 }, "end": { "line": 1, "character": 0 } }, "newText": "2" });
        buffers.apply(&json!({ "documentChanges": [{ "kind": "rename", "oldUri": a, "newUri": b }] })).unwrap();
        buffers.apply(&json!({ "changes": { (b.clone()): [insert] } })).unwrap();
        assert_eq!(buffers.get(&b).map(|buffer| buffer.text.as_str()), Some("1\n2"));
        assert_eq!(
            (buffers.dirty(), fs::read_to_string(root.path().join("b")).unwrap()),
            (vec![b.clone()], "1\n".into())
        );
        buffers.save(&b);
        assert_eq!(fs::read_to_string(root.path().join("b")).unwrap(), "1\n2");
        buffers.close(&b);
        buffers.apply(&json!({ "documentChanges": [{ "kind": "delete", "uri": b }] })).unwrap();
        assert_eq!(buffers.text(&b), None);
        let methods: Vec<_> = buffers.news.iter().map(|(method, _)| *method).collect();
        let expected = ["didOpen", "didChange", "didSave", "didClose"].map(|name| format!("textDocument/{name}"));
        assert_eq!(methods, expected);
    }
}
