//! What the nearest tests have in common: how they are called, and how they lie relative to their sources.

use std::collections::BTreeMap;

use super::{
    Context,
    language::Home,
    listing::{Test, ancestors, folder_of, join, parts},
};

/// How a test lies relative to its source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    Beside,
    /// In a folder of the source's folder.
    Below(String),
    /// One folder stands for another on the way: `src/pkg` → `tests`. `from` is empty for a project's root.
    Mirrored {
        from: Vec<String>,
        to: Vec<String>,
    },
}

/// What the tests nearest to the source suggest for it.
pub struct Guess {
    pub folder: Option<String>,
    /// With `{}` for the source's stem.
    pub name: Option<&'static str>,
}

pub fn guess(context: &Context) -> Guess {
    if context.language.home == Home::Beside {
        return Guess { folder: None, name: None };
    }
    let tests = nearest(context);
    let mut counts: BTreeMap<Relation, usize> = BTreeMap::new();
    let relations = tests.iter().filter_map(|test| relation(context, test));
    relations.for_each(|relation| *counts.entry(relation).or_default() += 1);
    let mut ranked: Vec<(Relation, usize)> = counts.into_iter().collect();
    ranked.sort_by_key(|(_, count)| usize::MAX - count);
    let folder = ranked.iter().find_map(|(relation, _)| apply(context, relation));
    Guess {
        folder: folder.or_else(|| common_folder(context, &tests)),
        name: usual(tests.iter().map(|test| test.name), |name| rank(context, name)),
    }
}

/// Tests that all lie in one folder of their own go on doing so, even if nobody knows what they test.
fn common_folder(context: &Context, tests: &[Test]) -> Option<String> {
    let first = folder_of(tests.first()?.path);
    // `spec/lib` is the folder of `lib`'s tests alone.
    let repeats_sources = parts(first).last().is_some_and(|part| context.language.stripped.contains(&part));
    let is_apart = !repeats_sources && parts(first).any(|part| context.language.folders.contains(&part));
    let is_common = tests.iter().all(|test| folder_of(test.path) == first);
    let project = context.listing.project(context.source);
    let is_ours = ancestors(first).any(|folder| folder == project);
    (is_apart && is_common && is_ours).then(|| first.to_string())
}

/// The tests in the innermost folder around the source that has any.
fn nearest<'a>(context: &Context<'a>) -> Vec<Test<'a>> {
    for folder in ancestors(folder_of(context.source)) {
        let start = join(folder, "");
        let is_inside = |test: &&Test| folder.is_empty() || test.path.starts_with(&start);
        let tests: Vec<Test> = context.listing.tests.iter().filter(is_inside).copied().collect();
        if !tests.is_empty() {
            return tests;
        }
    }
    Vec::new()
}

fn relation(context: &Context, test: &Test) -> Option<Relation> {
    let source = context.listing.sources_of(test).first().copied()?;
    let (from, to) = (folder_of(source), folder_of(test.path));
    if from == to {
        return Some(Relation::Beside);
    }
    let is_root = from == context.listing.project(source);
    if let Some(below) = to.strip_prefix(&join(from, "")).filter(|below| !below.contains('/'))
        && (!is_root || below.starts_with("__"))
        && !from.is_empty()
    {
        return Some(Relation::Below(below.into()));
    }
    let (mut from, mut to): (Vec<&str>, Vec<&str>) = (parts(from).collect(), parts(to).collect());
    while from.last().is_some() && from.last() == to.last() {
        from.pop();
        to.pop();
    }
    let common = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
    let owned = |parts: &[&str]| parts[common..].iter().map(|part| part.to_string()).collect();
    Some(Relation::Mirrored { from: owned(&from), to: owned(&to) })
}

/// The folder of the source's tests by `relation`; `None` when it says nothing about this source.
fn apply(context: &Context, relation: &Relation) -> Option<String> {
    let folder = folder_of(context.source);
    match relation {
        Relation::Beside => Some(folder.into()),
        Relation::Below(below) => Some(join(folder, below)),
        Relation::Mirrored { from, to } => {
            let own: Vec<&str> = parts(folder).collect();
            let start = if from.is_empty() {
                let project = context.listing.project(context.source);
                let start = parts(project).count();
                // Where tests repeat `lib`, that they would repeat `app` as well isn't said.
                let first = own.get(start).copied().unwrap_or_default();
                let repeated = join(&join(project, &to.join("/")), first);
                if context.language.stripped.contains(&first) && !context.listing.has_folder(&repeated) {
                    return None;
                }
                start
            } else {
                own.windows(from.len()).position(|window| window.iter().zip(from).all(|(one, other)| one == other))?
            };
            let before = own.iter().take(start).copied();
            let behind = own.iter().skip(start + from.len()).copied();
            let all: Vec<&str> = before.chain(to.iter().map(String::as_str)).chain(behind).collect();
            Some(all.join("/"))
        }
    }
}

/// The most frequent of `items`; of equally frequent ones the one of the lowest rank.
fn usual<'a>(items: impl Iterator<Item = &'a str>, rank: impl Fn(&str) -> usize) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    items.for_each(|item| *counts.entry(item).or_default() += 1);
    let best = counts.into_iter().min_by_key(|(item, count)| (usize::MAX - count, rank(item)));
    best.map(|(item, _)| item)
}

fn rank(context: &Context, name: &str) -> usize {
    context.language.names.iter().position(|known| *known == name).unwrap_or(usize::MAX)
}
