//! The files of a workspace, seen from one language: which are tests, and of what. Knows no convention about new files.

use std::collections::{BTreeSet, HashMap};

use super::language::{Language, extension_of};

/// Parts of paths that say how a project is laid out, not what a file is about.
const LAYOUT: &[&str] = &[
    "src",
    "lib",
    "app",
    "source",
    "sources",
    "main",
    "java",
    "kotlin",
    "scala",
    "cpp",
    "include",
    "lua",
    "r",
    "python",
    "test",
    "tests",
    "t",
    "spec",
    "specs",
    "__tests__",
    "__test__",
    "unit",
    "unittests",
    "testthat",
    "integration",
    "commonmain",
    "commontest",
    "jvmmain",
    "jvmtest",
    "androidtest",
    "androidunittest",
];

/// Ends of folder names that make a project's name that of its tests.
const TEST_PROJECT_ENDS: &[&str] = &[".unittests", ".tests", ".test", "unittests", "tests"];

pub struct Listing<'a> {
    language: &'static Language,
    files: BTreeSet<&'a str>,
    pub tests: Vec<Test<'a>>,
    sources_by_stem: HashMap<&'a str, Vec<&'a str>>,
    /// Folders that hold a manifest of the language.
    projects: BTreeSet<&'a str>,
}

/// A test file.
#[derive(Clone, Copy, Debug)]
pub struct Test<'a> {
    pub path: &'a str,
    /// What it is called after.
    pub subject: &'a str,
    /// How, as in the table.
    pub name: &'static str,
}

impl<'a> Listing<'a> {
    pub fn new(language: &'static Language, source: &'a str, files: &'a [String], open: &'a [String]) -> Listing<'a> {
        let files: BTreeSet<&str> = files.iter().chain(open).map(String::as_str).collect();
        let mut listing = Listing {
            language,
            tests: Vec::new(),
            sources_by_stem: HashMap::new(),
            projects: files
                .iter()
                .filter(|path| language.manifests.contains(&file_name_of(path)))
                .map(|path| folder_of(path))
                .collect(),
            files,
        };
        let is_source = |path: &&&str| language.is_source(path) && !language.is_certainly_test(path);
        let sources = listing.files.iter().filter(is_source).copied();
        let sources: BTreeSet<&str> = sources.chain(std::iter::once(source)).collect();
        for path in sources {
            listing.sources_by_stem.entry(language.stem_of_source(path)).or_default().push(path);
        }
        let tests = listing.files.iter().filter_map(|path| {
            let (subject, name) = language.subject(path)?;
            Some(Test { path, subject, name })
        });
        // A bare name counts only when there is something of that name to test, somewhere else.
        let is_test = |test: &Test| {
            let others =
                || listing.sources_by_stem.get(test.subject).into_iter().flatten().any(|path| *path != test.path);
            language.is_certainly_test(test.path) || (test.path != source && others())
        };
        listing.tests = tests.filter(is_test).collect();
        listing
    }

    pub fn contains(&self, path: &str) -> bool {
        self.files.contains(path)
    }

    pub fn has_file_called(&self, name: &str) -> bool {
        self.files.iter().any(|path| file_name_of(path) == name)
    }

    pub fn files(&self) -> impl Iterator<Item = &'a str> {
        self.files.iter().copied()
    }

    pub fn has_folder(&self, folder: &str) -> bool {
        let start = format!("{folder}/");
        self.files.range(start.as_str()..).next().is_some_and(|path| path.starts_with(&start))
    }

    /// The most frequent of `extensions` in the workspace, the first when there is none.
    pub fn usual_extension(&self, extensions: &[&'static str]) -> &'static str {
        let count = |extension: &&&str| self.files.iter().filter(|path| extension_of(path) == **extension).count();
        extensions.iter().rev().max_by_key(count).copied().unwrap_or_default()
    }

    pub fn is_test(&self, path: &str) -> bool {
        self.language.is_certainly_test(path)
    }

    /// The folder of the nearest manifest above a file; the workspace itself without any.
    pub fn project(&self, path: &str) -> &'a str {
        let found = ancestors(folder_of(path)).find_map(|folder| self.projects.get(folder));
        found.copied().unwrap_or_default()
    }

    /// The test files of a source, the best match first.
    pub fn tests_of(&self, source: &str) -> Vec<&'a str> {
        let stem = self.language.stem_of_source(source);
        let mut tests: Vec<&Test> = self.tests.iter().filter(|test| test.subject == stem).collect();
        tests.retain(|test| test.path != source && self.sources_of(test).contains(&source));
        tests.sort_by_key(|test| {
            let rank = self.language.names.iter().position(|name| *name == test.name);
            (usize::MAX - core(folder_of(test.path)).len(), distance(test.path, source), rank, test.path)
        });
        tests.into_iter().map(|test| test.path).collect()
    }

    /// The sources that a test file is about: of those with the right name the ones in the folder that fits best; none
    /// when two folders fit alike.
    pub fn sources_of(&self, test: &Test) -> Vec<&'a str> {
        let named = self.sources_by_stem.get(test.subject).map(Vec::as_slice).unwrap_or_default();
        let mut candidates: Vec<&str> = named.iter().copied().filter(|path| *path != test.path).collect();
        // What may be a test itself is a source only when nothing else is.
        let is_plain = |path: &&str| self.language.subject(path).is_none();
        if candidates.iter().any(is_plain) {
            candidates.retain(is_plain);
        }
        let beside = |path: &&&str| folder_of(path) == folder_of(test.path);
        if candidates.iter().any(|path| beside(&path)) {
            return candidates.iter().filter(beside).copied().collect();
        }
        if let [only] = candidates[..] {
            let project = self.project(test.path);
            let is_near = project.is_empty() || only.starts_with(&format!("{project}/"));
            return if is_near { vec![only] } else { Vec::new() };
        }
        let about = core(folder_of(test.path));
        let cores = candidates.iter().map(|path| (core(folder_of(path)), *path));
        let fitting: Vec<_> = cores.filter(|(core, _)| is_subsequence(&about, core)).collect();
        let Some(least) = fitting.iter().map(|(core, _)| core.len()).min() else { return Vec::new() };
        let mut nearest = fitting.iter().filter(|(core, _)| core.len() == least);
        let Some((first, _)) = nearest.clone().next() else { return Vec::new() };
        if nearest.any(|(core, _)| core != first) {
            return Vec::new();
        }
        fitting.iter().filter(|(core, _)| core == first).map(|(_, path)| *path).collect()
    }

    /// The test file nearest to `path`, other than itself.
    pub fn nearest_test(&self, path: &str) -> Option<String> {
        let others = self.tests.iter().filter(|test| test.path != path);
        let nearest = others.min_by_key(|test| (distance(test.path, path), test.path))?;
        Some(nearest.path.to_string())
    }
}

/// What the folders of a path are about, in lower case: without the parts that say how the project is laid out.
pub fn core(folder: &str) -> Vec<String> {
    let about = parts(folder).map(str::to_lowercase).filter(|part| !LAYOUT.contains(&part.as_str()));
    about
        .map(|part| {
            let stripped = TEST_PROJECT_ENDS.iter().find_map(|end| part.strip_suffix(end));
            stripped.filter(|name| !name.is_empty()).map_or(part.clone(), str::to_string)
        })
        .collect()
}

pub fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

pub fn file_name_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.into() } else { format!("{folder}/{name}") }
}

pub fn parts(folder: &str) -> impl Iterator<Item = &str> {
    folder.split('/').filter(|part| !part.is_empty())
}

/// A folder and those above it, up to the workspace itself, which is empty.
pub fn ancestors(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |folder| (!folder.is_empty()).then(|| folder_of(folder)))
}

/// How many steps up and down lie between two files.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<_>, Vec<_>) = (parts(folder_of(one)).collect(), parts(folder_of(other)).collect());
    let common = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    one.len() + other.len() - 2 * common
}

fn is_subsequence(short: &[String], long: &[String]) -> bool {
    let mut long = long.iter();
    short.iter().all(|part| long.any(|other| other == part))
}
