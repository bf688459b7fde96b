//! All workflows there are, in layers: built-in < user < workspace. A later layer's file of the same name wins.
//! Takes texts; reading folders is the caller's part.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Offer, Workflow, descriptor::display_name};
use crate::config::Problem;

/// The built-in layer, in the order of menus.
const BUILTIN: &[(&str, &str)] = &[
    ("chat", include_str!("builtin/chat.toml")),
    ("write", include_str!("builtin/write.toml")),
    ("write-pages", include_str!("builtin/write-pages.toml")),
    ("write-tests", include_str!("builtin/write-tests.toml")),
    ("auto", include_str!("builtin/auto.toml")),
];

/// Workflows about an instruction rather than files: offered in prompt documents alone, and not listed as workflows.
const ABOUT_INSTRUCTIONS: &[(&str, &str)] = &[
    ("ask-questions", include_str!("builtin/instruction/ask-questions.toml")),
    ("improve-prompt", include_str!("builtin/instruction/improve-prompt.toml")),
];

/// Every workflow by its id, with what is wrong in its file.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    entries: BTreeMap<String, Entry>,
    /// Ids of those that aren't listed.
    unlisted: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub id: String,
    /// `None` when the file is no workflow; `problems` say why.
    pub workflow: Option<Arc<Workflow>>,
    /// `built-in`, or the path of the file.
    pub source: String,
    pub problems: Vec<Problem>,
    order: usize,
}

/// A workflow file's text.
#[derive(Clone, Debug)]
pub struct Source {
    /// The file's stem.
    pub id: String,
    pub path: String,
    pub text: String,
}

impl Catalog {
    /// Later sources win over earlier ones, and all of them over the built-in ones.
    pub fn new(sources: impl IntoIterator<Item = Source>) -> Self {
        let builtin = BUILTIN.iter().chain(ABOUT_INSTRUCTIONS).map(|(id, text)| Source {
            id: (*id).to_owned(),
            path: "built-in".to_owned(),
            text: (*text).to_owned(),
        });
        let unlisted = ABOUT_INSTRUCTIONS.iter().map(|(id, _)| (*id).to_owned()).collect();
        let mut catalog = Self { entries: BTreeMap::new(), unlisted };
        for source in builtin.chain(sources) {
            let (workflow, problems) = Workflow::parse(&source.text);
            let order = catalog.entries.get(&source.id).map_or(catalog.entries.len(), |entry| entry.order);
            let entry =
                Entry { id: source.id.clone(), workflow: workflow.map(Arc::new), source: source.path, problems, order };
            catalog.entries.insert(source.id, entry);
        }
        catalog
    }

    /// In the order of menus.
    pub fn entries(&self) -> Vec<&Entry> {
        self.sorted(|entry| !self.unlisted.contains(&entry.id))
    }

    /// What is offered for an instruction that stands in a prompt document, beside running it.
    pub fn about_instructions(&self) -> Vec<(&Entry, &Arc<Workflow>)> {
        let offered =
            self.sorted(|entry| entry.workflow.as_ref().is_some_and(|workflow| workflow.offer == Offer::Prompt));
        offered.into_iter().filter_map(|entry| Some((entry, entry.workflow.as_ref()?))).collect()
    }

    fn sorted(&self, is_wanted: impl Fn(&Entry) -> bool) -> Vec<&Entry> {
        let mut entries: Vec<_> = self.entries.values().filter(|entry| is_wanted(entry)).collect();
        entries.sort_by_key(|entry| entry.order);
        entries
    }

    /// The workflow of this name; the error says which names there are, or what is wrong in the file.
    pub fn get(&self, id: &str) -> Result<(&Entry, Arc<Workflow>), String> {
        let Some(entry) = self.entries.get(id) else {
            let ids: Vec<_> = self.entries().iter().map(|entry| entry.id.as_str()).collect();
            return Err(format!("there is no workflow `{id}`; there are: {}", ids.join(", ")));
        };
        match (&entry.workflow, entry.problems.first()) {
            (Some(workflow), _) => Ok((entry, workflow.clone())),
            (None, problem) => {
                let problem = problem.map(Problem::to_string).unwrap_or_default();
                Err(format!("workflow `{id}` can't be run, because `{}` has a mistake: {problem}", entry.source))
            }
        }
    }
}

impl Entry {
    /// "Write Tests".
    pub fn name(&self) -> String {
        display_name(&self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: &str, text: &str) -> Source {
        Source { id: id.to_owned(), path: format!("{id}.toml"), text: text.to_owned() }
    }

    #[test]
    fn the_built_in_workflows_are_good() {
        let catalog = Catalog::new([]);
        let found: Vec<_> = catalog.entries().iter().map(|e| (e.id.clone(), e.problems.clone())).collect();
        let expected = ["chat", "write", "write-pages", "write-tests", "auto"].map(|id| (id.to_owned(), Vec::new()));
        assert_eq!(found, expected);
        for (entry, _) in catalog.about_instructions() {
            assert_eq!(entry.problems, [], "{}", entry.id);
        }
        assert_eq!(catalog.about_instructions().len(), ABOUT_INSTRUCTIONS.len());
    }

    #[test]
    fn later_layers_win_and_broken_files_say_why() {
        let good = "title = \"Mine\"\n[[steps]]\ndo = \"chat\"\nmodule = \"Chat\"\nprompt = \"{{instruction}}\"";
        let catalog = Catalog::new([source("chat", good), source("odd", "title"), source("extra", good)]);
        assert_eq!(catalog.get("chat").unwrap().1.title.0, "Mine");
        assert_eq!(catalog.entries().last().unwrap().id, "extra");
        assert_eq!(
            catalog.get("odd").unwrap_err(),
            "workflow `odd` can't be run, because `odd.toml` has a mistake: line 1: key with no value, expected `=`"
        );
        assert!(catalog.get("none").unwrap_err().starts_with("there is no workflow `none`; there are: chat, write,"));
    }
}
