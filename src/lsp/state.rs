//! What the server knows: one struct behind one standard mutex. No guard crosses an await, and nothing here waits.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use tower_lsp::lsp_types::Url;

use super::{apply::is_shown, capabilities::ClientFacts, prompt_document::Checked, settings::Origin};
use crate::{
    config::{Problem, Settings, Source},
    document::{
        Change, Document, FileRef,
        marker::{self, Marker},
        merge::merge,
        reference::Roots,
    },
    engine::{Stop, job::Job, journal::EditId, ports::Checker},
    files::Files,
    history::RunSummary,
    workflow::catalog::Catalog,
};

/// Larger documents get no actions.
pub const MAX_DOCUMENT_BYTES: usize = 10 * 1024 * 1024;

pub struct State {
    pub client: ClientFacts,
    pub files: Arc<Files>,
    pub settings: Arc<Settings>,
    pub catalog: Arc<Catalog>,
    /// By parsed URI: clients spell the same one differently.
    pub documents: HashMap<Url, Document>,
    /// The files that the user selected for workflows, in their order.
    pub selection: Vec<FileRef>,
    /// By run.
    pub runs: BTreeMap<String, Running>,
    /// Results that wait for the user, oldest first.
    pub pending: Vec<Pending>,
    /// Runs some of whose files failed, newest last.
    pub failed: Vec<Failed>,
    /// Runs that edited something, newest last.
    pub reverts: Vec<Reverting>,
    /// Interrupted runs, newest first.
    pub resumable: Vec<RunSummary>,
    /// Progress tokens in use, by number: ended ones are used again, see [`super::progress`].
    pub tokens: BTreeMap<u32, String>,
    /// The check command, where the user trusts it.
    pub checker: Option<Arc<dyn Checker>>,
    /// A workspace folder is under git's control.
    pub has_version_control: bool,
    /// Mistakes in configuration files.
    pub problems: Vec<(Source, Problem)>,
    /// Where the settings come from.
    pub origin: Origin,
    /// What documents are expected to show soon.
    pub expected: Vec<Expected>,
    /// Open prompt documents, with what is wrong in them.
    pub prompts: HashMap<Url, Checked>,
}

/// An edit that is on its way.
pub struct Expected {
    pub url: Url,
    /// LF line ends.
    pub text: String,
    /// Gone when nobody waits any more.
    pub met: Weak<AtomicBool>,
}

/// A run that is under way.
pub struct Running {
    /// "Write Tests".
    pub name: String,
    pub stop: Stop,
    /// Documents that it works on.
    pub targets: Vec<FileRef>,
}

/// A result that is kept because it couldn't be applied.
#[derive(Clone, Debug)]
pub struct Pending {
    /// As the history knows it.
    pub edit: EditId,
    pub run: String,
    /// "Write Tests".
    pub name: String,
    pub file: FileRef,
    /// What the result was made from, with LF line ends; `None`: the file wasn't there.
    pub base: Option<String>,
    pub text: String,
}

impl Pending {
    /// The result with what the file holds now: where both changed the same lines, both are in the text, marked.
    pub fn merged_into(&self, current: Option<&str>) -> String {
        match (&self.base, current) {
            (base, Some(current)) if base.as_deref() != Some(current) => {
                merge(base.as_deref().unwrap_or_default(), current, &self.text).text
            }
            _ => self.text.clone(),
        }
    }
}

/// What a retry needs.
#[derive(Clone, Debug)]
pub struct Failed {
    pub job: Job,
    pub files: Vec<FileRef>,
}

/// A run that can be reverted.
#[derive(Clone, Debug)]
pub struct Reverting {
    pub run: String,
    /// "Write Tests".
    pub name: String,
    pub files: Vec<FileRef>,
}

impl State {
    pub fn new(origin: Origin) -> Self {
        Self {
            client: ClientFacts::default(),
            files: Arc::new(Files::new(Roots::new([]), Vec::new(), Vec::new(), None)),
            settings: Arc::new(Settings::default()),
            catalog: Arc::new(Catalog::new([])),
            documents: HashMap::new(),
            selection: Vec::new(),
            runs: BTreeMap::new(),
            pending: Vec::new(),
            failed: Vec::new(),
            reverts: Vec::new(),
            resumable: Vec::new(),
            checker: None,
            has_version_control: false,
            problems: Vec::new(),
            origin,
            expected: Vec::new(),
            prompts: HashMap::new(),
            tokens: BTreeMap::new(),
        }
    }

    /// Applies changes to a document, and looks after each whether it shows what is expected: the next may be the user's own.
    pub fn change(&mut self, url: &Url, version: i32, changes: impl Iterator<Item = Change>) {
        let encoding = self.client.encoding;
        self.expected.retain(|expected| expected.met.strong_count() > 0);
        let Some(document) = self.documents.get_mut(url) else { return };
        for change in changes {
            document.apply(&change, version, encoding);
            for expected in self.expected.iter().filter(|expected| expected.url == *url) {
                if is_shown(&document.text(), &expected.text)
                    && let Some(met) = expected.met.upgrade()
                {
                    met.store(true, Ordering::Relaxed);
                }
            }
        }
    }

    /// The comment marker at a line of an open document.
    pub fn marker(&self, uri: &Url, file: &FileRef, line: u32) -> Option<Marker> {
        let document = self.documents.get(uri)?;
        let rope = document.rope();
        let line_at = |line: u32| rope.get_line(line as usize).map(|line| line.to_string());
        marker::near(&line_at, line, document.language(), &file.name, &self.settings.marker)
    }

    /// The open document that is this file.
    pub fn document(&self, file: &FileRef) -> Option<(&Url, &Document)> {
        let url = super::convert::url(file)?;
        self.documents.get_key_value(&url)
    }

    /// The file that a document's URI names; `None` for schemes that aren't the user's files.
    pub fn file(&self, uri: &Url) -> Option<FileRef> {
        super::convert::file(&self.files.roots, uri).ok()
    }

    /// The open documents that a workflow can take, in the order of their names.
    pub fn open_files(&self) -> Vec<FileRef> {
        let mut open: Vec<FileRef> = self.open_documents().filter_map(|uri| self.file(uri)).collect();
        open.sort();
        open
    }

    /// Whether more than one is open, and one of them isn't selected. Each menu asks: what needn't be looked at isn't.
    pub fn has_open_files_to_select(&self) -> bool {
        let count = self.open_documents().count();
        let is_selected = |uri| self.file(uri).is_none_or(|file| self.selection.contains(&file));
        count > 1 && (self.selection.len() < count || !self.open_documents().all(is_selected))
    }

    fn open_documents(&self) -> impl Iterator<Item = &Url> {
        self.documents.keys().filter(|uri| !self.prompts.contains_key(uri))
    }
}
