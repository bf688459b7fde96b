//! Every conversion between the protocol's types and ours.

use std::collections::HashMap;

use tower_lsp::lsp_types::{self, Url};

use super::{capabilities::ClientFacts, state::State};
use crate::document::{
    Change, Document, FileRef, Place, edit,
    position::{Encoding, Position, Range},
    reference::{self, ReferenceError, Roots},
};

/// The file that a URI names.
pub fn file(roots: &Roots, uri: &Url) -> Result<FileRef, ReferenceError> {
    reference::from_uri(roots, uri.as_str())
}

/// The URI that editors know a file by.
pub fn url(file: &FileRef) -> Option<Url> {
    match &file.place {
        Place::Disk(path) => Url::from_file_path(path).ok(),
        Place::Buffer(uri) => Url::parse(uri).ok(),
    }
}

pub fn position(position: lsp_types::Position) -> Position {
    Position::new(position.line, position.character)
}

pub fn range(range: lsp_types::Range) -> Range {
    Range::new(position(range.start), position(range.end))
}

/// The byte in its line that a position means.
pub fn byte_in_line(document: &Document, at: lsp_types::Position, encoding: Encoding) -> usize {
    let rope = document.rope();
    let line = (at.line as usize).min(rope.len_lines().saturating_sub(1));
    document.byte_at(position(at), encoding).saturating_sub(rope.line_to_byte(line))
}

/// Edits of one open document, whose line ends they take, in the form that the client understands.
pub fn one_document_edit(
    state: &State,
    url: &Url,
    mut edits: Vec<lsp_types::TextEdit>,
) -> Option<lsp_types::WorkspaceEdit> {
    let document = state.documents.get(url)?;
    let version = Some(document.version());
    if document.rope().get_line(0).is_some_and(|line| line.chars().any(|c| c == '\r')) {
        for edit in &mut edits {
            edit.new_text = edit.new_text.replace('\n', "\r\n");
        }
    }
    if !state.client.document_changes {
        let changes = Some(HashMap::from([(url.clone(), edits)]));
        return Some(lsp_types::WorkspaceEdit { changes, ..Default::default() });
    }
    let edits = lsp_types::TextDocumentEdit {
        text_document: lsp_types::OptionalVersionedTextDocumentIdentifier { uri: url.clone(), version },
        edits: edits.into_iter().map(lsp_types::OneOf::Left).collect(),
    };
    Some(lsp_types::WorkspaceEdit {
        document_changes: Some(lsp_types::DocumentChanges::Edits(vec![edits])),
        ..Default::default()
    })
}

pub fn change(event: lsp_types::TextDocumentContentChangeEvent) -> Change {
    Change { range: event.range.map(range), text: event.text }
}

fn to_lsp_position(position: Position) -> lsp_types::Position {
    lsp_types::Position::new(position.line, position.character)
}

pub fn to_lsp_edit(edit: edit::TextEdit) -> lsp_types::TextEdit {
    let range = lsp_types::Range::new(to_lsp_position(edit.range.start), to_lsp_position(edit.range.end));
    lsp_types::TextEdit::new(range, edit.text)
}

/// One file's new text, for a workspace edit.
#[derive(Clone, Debug)]
pub struct FileEdit {
    pub url: Url,
    /// Of an open document.
    pub version: Option<i32>,
    /// The text as the editor or the disk has it, line ends and all; `None`: the file is to be created.
    pub old: Option<String>,
    /// With the old text's line ends.
    pub new: String,
}

/// The smallest edit that makes the file's text the new one, in the form that the client understands.
pub fn workspace_edit(edit: FileEdit, client: &ClientFacts) -> lsp_types::WorkspaceEdit {
    let FileEdit { url, version, old, new } = edit;
    let creates = old.is_none();
    let mut edits: Vec<_> = text_edits(old.as_deref().unwrap_or_default(), &new, client.encoding);
    if creates && client.created_files_have_a_line {
        for edit in &mut edits {
            edit.new_text.truncate(edit.new_text.strip_suffix('\n').map_or(edit.new_text.len(), str::len));
        }
    }
    if !client.document_changes {
        return lsp_types::WorkspaceEdit { changes: Some(HashMap::from([(url, edits)])), ..Default::default() };
    }
    let edits = lsp_types::DocumentChangeOperation::Edit(lsp_types::TextDocumentEdit {
        text_document: lsp_types::OptionalVersionedTextDocumentIdentifier { uri: url.clone(), version },
        edits: edits.into_iter().map(lsp_types::OneOf::Left).collect(),
    });
    let create = lsp_types::DocumentChangeOperation::Op(lsp_types::ResourceOp::Create(lsp_types::CreateFile {
        uri: url,
        // Neovim, Helix and Kakoune empty an existing file when these aren't said.
        options: Some(lsp_types::CreateFileOptions { overwrite: Some(false), ignore_if_exists: Some(true) }),
        annotation_id: None,
    }));
    let operations = if creates && client.create_files { vec![create, edits] } else { vec![edits] };
    lsp_types::WorkspaceEdit {
        document_changes: Some(lsp_types::DocumentChanges::Operations(operations)),
        ..Default::default()
    }
}

/// The same edit, of which the client asks first; it has to know annotations. `question` says why.
pub fn to_be_confirmed(mut edit: lsp_types::WorkspaceEdit, label: &str, question: &str) -> lsp_types::WorkspaceEdit {
    const ID: &str = "review";
    let annotation = lsp_types::ChangeAnnotation {
        label: label.to_owned(),
        needs_confirmation: Some(true),
        description: Some(question.to_owned()),
    };
    let Some(lsp_types::DocumentChanges::Operations(operations)) = &mut edit.document_changes else { return edit };
    for operation in operations {
        match operation {
            lsp_types::DocumentChangeOperation::Op(lsp_types::ResourceOp::Create(create)) => {
                create.annotation_id = Some(ID.to_owned());
            }
            lsp_types::DocumentChangeOperation::Edit(document) => {
                for edit in &mut document.edits {
                    if let lsp_types::OneOf::Left(plain) = edit {
                        let annotated =
                            lsp_types::AnnotatedTextEdit { text_edit: plain.clone(), annotation_id: ID.to_owned() };
                        *edit = lsp_types::OneOf::Right(annotated);
                    }
                }
            }
            lsp_types::DocumentChangeOperation::Op(_) => {}
        }
    }
    edit.change_annotations = Some(HashMap::from([(ID.to_owned(), annotation)]));
    edit
}

/// Deletes a file that the user asked to be rid of.
pub fn delete_file(url: Url) -> lsp_types::WorkspaceEdit {
    let options =
        lsp_types::DeleteFileOptions { recursive: Some(false), ignore_if_not_exists: Some(true), annotation_id: None };
    let delete = lsp_types::ResourceOp::Delete(lsp_types::DeleteFile { uri: url, options: Some(options) });
    lsp_types::WorkspaceEdit {
        document_changes: Some(lsp_types::DocumentChanges::Operations(vec![lsp_types::DocumentChangeOperation::Op(
            delete,
        )])),
        ..Default::default()
    }
}

fn text_edits(old: &str, new: &str, encoding: Encoding) -> Vec<lsp_types::TextEdit> {
    edit::edits(old, new, encoding).into_iter().map(to_lsp_edit).collect()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(old: Option<&str>, new: &str, client: &ClientFacts, expected: Expect) {
        let url = Url::parse("file:///w/a.py").unwrap();
        let edit = FileEdit { url, version: old.map(|_| 3), old: old.map(str::to_owned), new: new.to_owned() };
        expected.assert_eq(&serde_json::to_string(&workspace_edit(edit, client)).unwrap());
    }

    #[test]
    fn edits_have_the_form_that_the_client_understands() {
        let plain = ClientFacts::default();
        let full = ClientFacts { document_changes: true, create_files: true, ..ClientFacts::default() };
        let neovim = ClientFacts { created_files_have_a_line: true, ..full.clone() };
        check(
            Some("a\nb\n"),
            "a\nc\n",
            &plain,
            expect![[
                r#"{"changes":{"file:///w/a.py":[{"range":{"start":{"line":1,"character":0},"end":{"line":1,"character":1}},"newText":"c"}]}}"#
            ]],
        );
        check(
            Some("a\nb\n"),
            "a\nc\n",
            &full,
            expect![[
                r#"{"documentChanges":[{"textDocument":{"uri":"file:///w/a.py","version":3},"edits":[{"range":{"start":{"line":1,"character":0},"end":{"line":1,"character":1}},"newText":"c"}]}]}"#
            ]],
        );
        check(
            None,
            "a\n",
            &full,
            expect![[
                r#"{"documentChanges":[{"kind":"create","uri":"file:///w/a.py","options":{"overwrite":false,"ignoreIfExists":true}},{"textDocument":{"uri":"file:///w/a.py","version":null},"edits":[{"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":0}},"newText":"a\n"}]}]}"#
            ]],
        );
        check(
            None,
            "a\n",
            &neovim,
            expect![[
                r#"{"documentChanges":[{"kind":"create","uri":"file:///w/a.py","options":{"overwrite":false,"ignoreIfExists":true}},{"textDocument":{"uri":"file:///w/a.py","version":null},"edits":[{"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":0}},"newText":"a"}]}]}"#
            ]],
        );
        check(
            None,
            "a\n",
            &plain,
            expect![[
                r#"{"changes":{"file:///w/a.py":[{"range":{"start":{"line":0,"character":0},"end":{"line":0,"character":0}},"newText":"a\n"}]}}"#
            ]],
        );
    }
}
