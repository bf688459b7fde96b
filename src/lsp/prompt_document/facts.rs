//! What can stand in a prompt document: the keys, workflows, models and files there are now. Asks no model and reads no file's text.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::super::{server::Shared, workspace::blocking};
use crate::{
    config::Settings,
    document::{FileRef, Place, front::Front, prompt::KEY, reference},
    engine::{
        job::most,
        ports::{Message, Model},
    },
    files::Files,
    history::WorkspaceHistory,
    workflow::{Tag, TagKind, Workflow, catalog::Catalog},
};

/// Files that completion knows at the most.
const MAX_FILES: usize = 20_000;
/// Messages that are looked for.
const MAX_MESSAGES: usize = 100;
/// An older listing is still good for one answer, while a new one is made.
const LISTING_AGE: Duration = Duration::from_secs(3);
/// In a large workspace it may be older: so many times what it took to make.
const LISTING_PATIENCE: u32 = 20;

/// A snapshot, so that nothing is locked while it is used.
#[derive(Clone)]
pub struct Facts {
    pub catalog: Arc<Catalog>,
    pub settings: Arc<Settings>,
    pub files: Arc<Files>,
    /// Open files, with their sizes in bytes.
    pub open: Vec<(FileRef, usize)>,
    pub model: Arc<dyn Model>,
    /// What servers list, as far as they were asked.
    pub listed_models: Arc<Vec<String>>,
    pub history: WorkspaceHistory,
}

/// The files that may be sent, and globs that stand for several of them.
#[derive(Debug, Default)]
pub struct Listing {
    pub names: Vec<String>,
    /// With how many files each stands for.
    pub globs: Vec<(String, usize)>,
}

/// The last listing. Walking a workspace takes longer than a completion may.
#[derive(Default)]
pub struct Listings(Mutex<Option<Kept>>);

struct Kept {
    of: Arc<Files>,
    made: Instant,
    took: Duration,
    listing: Arc<Listing>,
}

impl Facts {
    pub fn of(shared: &Shared) -> Self {
        let (model, history) = (shared.model(), shared.history());
        let listed_models = shared.models.known(&model);
        let state = shared.state();
        let open = state.documents.iter().filter_map(|(uri, document)| Some((state.file(uri)?, document.len_bytes())));
        Self {
            open: open.collect(),
            catalog: state.catalog.clone(),
            settings: state.settings.clone(),
            files: state.files.clone(),
            model,
            listed_models,
            history,
        }
    }

    /// The workflow that a document names, if there is such a one.
    pub fn workflow(&self, front: &Front) -> Option<Arc<Workflow>> {
        self.catalog.get(&front.value(KEY)?.text).ok().map(|(_, workflow)| workflow)
    }

    /// Every key that a document of this workflow may have, with what it is for.
    pub fn keys(&self, workflow: Option<&Workflow>) -> Vec<(String, String)> {
        let mut keys: Vec<(String, String)> = COMMON_KEYS.map(|(key, about)| (key.to_owned(), about.to_owned())).into();
        let tags = workflow.map(|workflow| workflow.tags.as_slice()).unwrap_or_default();
        keys.extend(tags.iter().map(|tag| (tag.name.clone(), self.about_tag(tag))));
        keys
    }

    /// Names for `model`, with what each means.
    pub fn models(&self) -> Vec<(String, String)> {
        let settings = &self.settings;
        let or_default = |role: &Option<String>| role.clone().unwrap_or_else(|| "found out by itself".to_owned());
        let fast = settings.fast.clone().or_else(|| settings.main.clone());
        let mut models = vec![
            ("main".to_owned(), format!("the role for planning and writing: {}", or_default(&settings.main))),
            ("fast".to_owned(), format!("the role for names and summaries: {}", or_default(&fast))),
        ];
        let roles = [&settings.main, &settings.fast].into_iter().flatten();
        for name in roles.chain(settings.models.keys()) {
            if !models.iter().any(|(known, _)| known == name) {
                models.push((name.clone(), "from the configuration".to_owned()));
            }
        }
        let configured: BTreeSet<String> = models.iter().map(|(name, _)| name.clone()).collect();
        let listed = self.listed_models.iter().filter(|name| !configured.contains(*name));
        models.extend(listed.map(|name| (name.clone(), "listed by its server".to_owned())));
        if self.model.knows("replay") && settings.providers.values().any(|provider| provider.path.is_some()) {
            models.push(("replay".to_owned(), "recorded answers, no network".to_owned()));
        }
        models
    }

    /// A message by its id; a history that can't be read knows none.
    pub async fn message(&self, id: &str) -> Option<Message> {
        self.history.find_message(id).await.unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        })
    }

    /// The ids in a document that no message has. Of a history that can't be read, nothing is said.
    pub async fn unknown_messages(&self, front: &Front) -> BTreeSet<String> {
        let named = front.entry("messages").map(|entry| entry.values.as_slice()).unwrap_or_default();
        let ids: BTreeSet<&str> = named.iter().take(MAX_MESSAGES).map(|word| word.text.as_str()).collect();
        let mut unknown = BTreeSet::new();
        for id in ids {
            if let Ok(None) = self.history.find_message(id).await {
                unknown.insert(id.to_owned());
            }
        }
        unknown
    }

    pub fn is_open(&self, path: &Path) -> bool {
        self.open.iter().any(|(file, _)| matches!(&file.place, Place::Disk(at) if at == path))
    }

    fn about_tag(&self, tag: &Tag) -> String {
        let kind = match tag.kind {
            TagKind::Text => "a text".to_owned(),
            TagKind::Path => "a file, relative to the workspace; the file is written".to_owned(),
            TagKind::Number => match (tag.min.unwrap_or(0), most(tag, &self.settings)) {
                (min, Some(max)) => format!("a whole number from {min} to {max}"),
                (min, None) => format!("a whole number of at least {min}"),
            },
        };
        match &tag.default {
            Some(default) => format!("{kind}; {default} when left out"),
            None => kind,
        }
    }
}

impl Kept {
    fn is_old(&self) -> bool {
        self.made.elapsed() > LISTING_AGE.max(self.took * LISTING_PATIENCE)
    }
}

/// Of every workflow.
const COMMON_KEYS: [(&str, &str); 4] = [
    (KEY, "the workflow that carries out what is written below"),
    ("model", "a role (`main` or `fast`), or `provider/model`"),
    ("files", "files to read: paths and globs, relative to the workspace"),
    ("messages", "ids of earlier replies to use as context, in this order"),
];

impl Shared {
    /// The files there are, as of a moment ago.
    pub(super) async fn listing(self: &Arc<Self>) -> Arc<Listing> {
        let files = self.state().files.clone();
        let known = {
            let kept = self.listings.0.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = kept.as_ref().filter(|kept| Arc::ptr_eq(&kept.of, &files));
            kept.map(|kept| (kept.listing.clone(), kept.is_old()))
        };
        match known {
            Some((listing, false)) => listing,
            Some((listing, true)) => {
                let shared = self.clone();
                tokio::spawn(async move { shared.list(files).await });
                listing
            }
            None => self.list(files).await,
        }
    }

    async fn list(self: &Arc<Self>, files: Arc<Files>) -> Arc<Listing> {
        let (walked, begun) = (files.clone(), Instant::now());
        let listed = blocking(move || {
            let names = reference::listing(&walked.roots, &walked.ignore(), MAX_FILES);
            Ok(Listing { globs: globs(&names), names })
        });
        let listing = Arc::new(listed.await.unwrap_or_default());
        let kept = Kept { of: files, made: Instant::now(), took: begun.elapsed(), listing: listing.clone() };
        *self.listings.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        listing
    }
}

/// `folder/*.ext` and `folder/**/*.ext` for each that stands for more than one file.
fn globs(names: &[String]) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names {
        let (folder, base) = name.rsplit_once('/').unwrap_or(("", name));
        // `.gitignore` is a name, and no extension.
        let Some((1.., extension)) = base.rsplit_once('.').map(|(stem, extension)| (stem.len(), extension)) else {
            continue;
        };
        let within = |folder: &str| if folder.is_empty() { String::new() } else { format!("{folder}/") };
        *counts.entry(format!("{}*.{extension}", within(folder))).or_default() += 1;
        let ends = folder.match_indices('/').map(|(at, _)| at).chain((!folder.is_empty()).then_some(folder.len()));
        for folder in std::iter::once("").chain(ends.map(|end| &folder[..end])) {
            *counts.entry(format!("{}**/*.{extension}", within(folder))).or_default() += 1;
        }
    }
    let is_more = |glob: &str, count: usize| match glob.strip_suffix(glob.rsplit('/').next().unwrap_or_default()) {
        // With no folders below, the shorter glob says the same.
        Some(start) if start.ends_with("**/") => {
            let flat = glob.replacen("**/", "", 1);
            counts.get(&flat).is_none_or(|flat| *flat < count)
        }
        _ => true,
    };
    counts.iter().filter(|(glob, count)| **count > 1 && is_more(glob, **count)).map(|(g, n)| (g.clone(), *n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_stand_for_several_files() {
        let names = ["a.md", "src/a.rs", "src/b.rs", "src/x/c.rs", "src/x/d.rs", ".env.example", "Makefile"];
        let found = globs(&names.map(str::to_owned));
        let shown: Vec<_> = found.iter().map(|(glob, count)| format!("{glob} {count}")).collect();
        assert_eq!(shown, ["**/*.rs 4", "src/**/*.rs 4", "src/*.rs 2", "src/x/*.rs 2"]);
    }
}
