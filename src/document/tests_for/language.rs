//! The table: how each language calls its tests and where it keeps them. Data, and reading file names with it.

use super::listing::{Listing, file_name_of, folder_of, parts};

/// One row of the table.
#[derive(Debug)]
pub struct Language {
    pub name: &'static str,
    /// Extensions of sources.
    sources: &'static [&'static str],
    /// Extensions of test files, the usual one first. Empty: that of the source.
    tests: &'static [&'static str],
    /// How test files are called, the usual name first; `{}` stands for the source's stem.
    pub names: &'static [&'static str],
    pub home: Home,
    /// Folders that tests are kept in, the usual one first.
    pub folders: &'static [&'static str],
    /// Folders of sources that tests don't repeat.
    pub stripped: &'static [&'static str],
    /// Files that mark the root of a project.
    pub manifests: &'static [&'static str],
    /// Whether names follow classes, so that a source may well be called `OrderSpec`; see [`Language::subject`].
    classes: bool,
}

/// How a language arranges tests, relative to sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// Beside the source, by the compiler's order.
    Beside,
    /// Beside the source unless other tests or the framework want it otherwise.
    UsuallyBeside,
    /// A folder that repeats the sources' folders.
    Mirrored,
    /// One folder for all.
    Flat,
    /// `src/main/java` → `src/test/java`.
    Maven,
    /// A project of its own: `App` → `App.Tests`, `Sources/App` → `Tests/AppTests`.
    SiblingProject,
    /// Inline, or the crate's `tests` folder.
    Crate,
}

const ROW: Language = Language {
    name: "",
    sources: &[],
    tests: &[],
    names: &[],
    home: Home::Beside,
    folders: &["tests", "test"],
    stripped: &[],
    manifests: &[],
    classes: false,
};

static LANGUAGES: &[Language] = &[
    Language {
        name: "rust",
        sources: &["rs"],
        names: &["{}", "{}_test", "{}_tests", "test_{}"],
        home: Home::Crate,
        manifests: &["Cargo.toml"],
        ..ROW
    },
    Language {
        name: "python",
        sources: &["py", "pyi"],
        tests: &["py"],
        names: &["test_{}", "{}_test"],
        home: Home::Mirrored,
        stripped: &["src", "lib"],
        manifests: &["pyproject.toml", "setup.py", "setup.cfg", "pytest.ini", "tox.ini"],
        ..ROW
    },
    Language { name: "go", sources: &["go"], names: &["{}_test"], manifests: &["go.mod"], ..ROW },
    Language {
        name: "javascript",
        sources: &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts", "vue", "svelte"],
        tests: &["js", "jsx", "mjs", "cjs", "ts", "tsx", "mts", "cts"],
        names: &["{}.test", "{}.spec", "{}_test", "{}-test", "{}-spec", "{}_spec", "{}Spec", "{}"],
        home: Home::UsuallyBeside,
        folders: &["test", "tests", "__tests__", "spec"],
        stripped: &["src", "lib"],
        manifests: &["package.json", "deno.json"],
        ..ROW
    },
    Language {
        name: "java",
        sources: &["java"],
        names: &["{}Test", "{}Tests", "{}TestCase", "Test{}"],
        home: Home::Maven,
        folders: &["test", "tests"],
        manifests: &["pom.xml", "build.gradle", "build.gradle.kts"],
        classes: true,
        ..ROW
    },
    Language {
        name: "kotlin",
        sources: &["kt", "kts"],
        tests: &["kt"],
        names: &["{}Test", "{}Tests", "{}Spec"],
        home: Home::Maven,
        folders: &["test", "tests"],
        manifests: &["pom.xml", "build.gradle", "build.gradle.kts"],
        classes: true,
        ..ROW
    },
    Language {
        name: "scala",
        sources: &["scala"],
        names: &["{}Spec", "{}Suite", "{}Test", "{}Tests"],
        home: Home::Maven,
        folders: &["test", "tests"],
        manifests: &["build.sbt", "build.sc", "pom.xml"],
        classes: true,
        ..ROW
    },
    Language {
        name: "csharp",
        sources: &["cs"],
        names: &["{}Tests", "{}Test", "{}Should", "{}Spec"],
        home: Home::SiblingProject,
        classes: true,
        ..ROW
    },
    Language {
        name: "ruby",
        sources: &["rb"],
        names: &["{}_spec", "{}_test", "test_{}"],
        home: Home::Mirrored,
        folders: &["spec", "test"],
        stripped: &["lib", "app"],
        manifests: &["Gemfile"],
        ..ROW
    },
    Language {
        name: "php",
        sources: &["php"],
        names: &["{}Test"],
        home: Home::Mirrored,
        stripped: &["src", "app", "lib"],
        manifests: &["composer.json"],
        classes: true,
        ..ROW
    },
    Language {
        name: "elixir",
        sources: &["ex"],
        tests: &["exs"],
        names: &["{}_test"],
        home: Home::Mirrored,
        folders: &["test"],
        stripped: &["lib"],
        manifests: &["mix.exs"],
        ..ROW
    },
    Language {
        name: "dart",
        sources: &["dart"],
        names: &["{}_test"],
        home: Home::Mirrored,
        folders: &["test"],
        stripped: &["lib"],
        manifests: &["pubspec.yaml"],
        ..ROW
    },
    Language {
        name: "swift",
        sources: &["swift"],
        names: &["{}Tests", "{}Test", "{}Spec"],
        home: Home::SiblingProject,
        folders: &["Tests"],
        manifests: &["Package.swift"],
        classes: true,
        ..ROW
    },
    Language {
        name: "c",
        sources: &["c", "h"],
        tests: &["c", "cc", "cpp", "cxx"],
        names: &["test_{}", "{}_test", "{}_tests", "{}_unittest", "test-{}", "{}Test"],
        home: Home::Flat,
        ..ROW
    },
    Language {
        name: "cpp",
        sources: &["cc", "cpp", "cxx", "c++", "hpp", "hh", "hxx", "h", "ipp"],
        tests: &["cc", "cpp", "cxx", "c++"],
        names: &["{}_test", "test_{}", "{}_tests", "{}_unittest", "{}Test", "test-{}", "{}Tests"],
        home: Home::Flat,
        ..ROW
    },
    Language {
        name: "haskell",
        sources: &["hs", "lhs"],
        tests: &["hs"],
        names: &["{}Spec", "{}Test", "{}Tests"],
        home: Home::Mirrored,
        folders: &["test", "tests"],
        stripped: &["src", "lib", "app"],
        manifests: &["package.yaml", "stack.yaml"],
        classes: true,
    },
    Language {
        name: "lua",
        sources: &["lua"],
        names: &["{}_spec", "{}_test", "test_{}"],
        home: Home::Mirrored,
        folders: &["spec", "tests", "test"],
        stripped: &["lua", "src", "lib"],
        ..ROW
    },
    Language {
        name: "perl",
        sources: &["pm", "pl"],
        tests: &["t"],
        names: &["{}"],
        home: Home::Flat,
        folders: &["t"],
        manifests: &["cpanfile", "Makefile.PL", "dist.ini"],
        ..ROW
    },
    Language {
        name: "r",
        sources: &["R", "r"],
        tests: &["R", "r"],
        names: &["test-{}", "test_{}"],
        home: Home::Flat,
        folders: &["tests/testthat"],
        manifests: &["DESCRIPTION"],
        ..ROW
    },
    Language {
        name: "bash",
        sources: &["sh", "bash"],
        tests: &["bats", "sh"],
        names: &["{}", "test_{}", "{}_test", "test-{}", "{}-test"],
        home: Home::Flat,
        folders: &["test", "tests"],
        ..ROW
    },
];

/// Headers that C and C++ share.
const SHARED_HEADER: &str = "h";

/// Folders that hold nothing but tests. Others, such as `test`, may well be called so for other reasons.
const TEST_ONLY_FOLDERS: &[&str] = &["__tests__", "__test__"];

/// What Minitest's tests share; called like a test, it is none.
const RUBY_SUPPORT: &str = "test_helper";

/// The language of a file; a `.h` is C++ in a workspace that has C++ sources.
pub fn of(path: &str, files: &[String]) -> Option<&'static Language> {
    let extension = extension_of(path);
    let mut rows = LANGUAGES.iter().filter(|row| row.sources.contains(&extension) || row.tests.contains(&extension));
    let first = rows.next()?;
    let is_cpp = |file: &String| matches!(extension_of(file), "cc" | "cpp" | "cxx" | "hpp" | "hh");
    // Of C's and C++'s row, which share extensions, the right one.
    match extension {
        SHARED_HEADER if files.iter().any(is_cpp) => rows.next(),
        "cc" | "cpp" | "cxx" => LANGUAGES.iter().find(|row| row.name == "cpp"),
        _ => Some(first),
    }
}

impl Language {
    pub fn is_source(&self, path: &str) -> bool {
        self.sources.contains(&extension_of(path))
    }

    fn is_test_extension(&self, extension: &str) -> bool {
        if self.tests.is_empty() { self.sources.contains(&extension) } else { self.tests.contains(&extension) }
    }

    /// What a test file is called after, and how; `None` when its name isn't that of a test.
    pub fn subject<'a>(&self, path: &'a str) -> Option<(&'a str, &'static str)> {
        let extension = extension_of(path);
        if !self.is_test_extension(extension) || (self.classes && is_among_sources(path)) {
            return None;
        }
        let stem = stem_of(path);
        if self.name == "ruby" && stem == RUBY_SUPPORT {
            return None;
        }
        // A bare name fits everything, so it is tried last.
        let (bare, affixed): (Vec<&str>, Vec<&str>) = self.names.iter().partition(|name| **name == "{}");
        let mut names = affixed.into_iter().chain(bare);
        let (found, name) = names.find_map(|name| Some((subject_of(stem, name)?, name)))?;
        // A bare name says nothing; that the file is a test must show elsewhere.
        let is_bare = name == "{}";
        let shows = !self.sources.contains(&extension)
            || parts(folder_of(path)).any(|part| self.folders.contains(&part) || TEST_ONLY_FOLDERS.contains(&part));
        (!is_bare || shows).then_some((found, name))
    }

    /// Whether a file is certainly a test, so that it may be extended; a bare name in a `test` folder isn't enough.
    pub fn is_certainly_test(&self, path: &str) -> bool {
        let is_kept_apart = || parts(folder_of(path)).any(|part| TEST_ONLY_FOLDERS.contains(&part));
        let is_foreign = || !self.sources.contains(&extension_of(path));
        self.subject(path).is_some_and(|(_, name)| name != "{}" || is_kept_apart() || is_foreign())
    }

    /// What the tests of a source are called after: its stem, or its folder's name where the stem says nothing.
    pub fn stem_of_source<'a>(&self, path: &'a str) -> &'a str {
        let stem = stem_of(path);
        let folder = file_name_of(folder_of(path));
        match (self.name, stem) {
            ("python", "__init__") | ("rust", "mod") if !folder.is_empty() => folder,
            ("python", "__main__") => "main",
            ("javascript", _) => stem.trim_start_matches('+'),
            _ => stem,
        }
    }

    /// The extension of a new test file.
    pub fn extension_for<'a>(&self, source: &'a str, listing: &Listing) -> &'a str {
        let own = extension_of(source);
        match own {
            "vue" | "svelte" if listing.has_file_called("tsconfig.json") => "ts",
            "vue" | "svelte" => "js",
            "hpp" => "cpp",
            "hh" => "cc",
            "hxx" => "cxx",
            "h" | "ipp" if self.name == "cpp" => listing.usual_extension(&["cc", "cpp", "cxx"]),
            "h" => "c",
            "sh" => "bats",
            _ if self.is_test_extension(own) => own,
            _ => self.tests.first().copied().unwrap_or(own),
        }
    }
}

fn subject_of<'a>(stem: &'a str, name: &str) -> Option<&'a str> {
    let (before, behind) = name.split_once("{}")?;
    let subject = stem.strip_prefix(before)?.strip_suffix(behind)?;
    // `TestStore` tests a store; `Testament` doesn't test an `ament`.
    let is_word = before != "Test" || subject.starts_with(char::is_uppercase);
    (!subject.is_empty() && is_word).then_some(subject)
}

/// Whether a path leads through a folder of sources and none of tests.
fn is_among_sources(path: &str) -> bool {
    let folders: Vec<String> = parts(folder_of(path)).map(str::to_lowercase).collect();
    let is_tests = |part: &String| part == "t" || part.contains("test") || part.contains("spec");
    let is_sources = |part: &String| ["src", "lib", "app", "source", "sources", "main"].contains(&part.as_str());
    folders.iter().any(is_sources) && !folders.iter().any(is_tests)
}

pub fn extension_of(path: &str) -> &str {
    file_name_of(path).rsplit_once('.').map_or("", |(_, extension)| extension)
}

pub fn stem_of(path: &str) -> &str {
    let name = file_name_of(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}
