//! Which test framework a project uses, as its manifests say. Names are those that models know.

use super::{Context, listing::file_name_of};

/// Manifests to look at, words to look for in order, and what they mean.
struct Signs {
    manifests: &'static [&'static str],
    words: &'static [(&'static str, &'static str)],
    /// When no word is found.
    otherwise: Option<&'static str>,
}

/// What `package.json` may depend on.
const NODE: &[(&str, &str)] = &[
    ("vitest", "vitest"),
    ("jest", "jest"),
    ("react-scripts", "jest"),
    ("ts-jest", "jest"),
    ("mocha", "mocha"),
    ("ava", "ava"),
    ("jasmine", "jasmine"),
    ("jasmine-core", "jasmine"),
];

/// What the test script of `package.json` may run.
const NODE_SCRIPTS: &[(&str, &str)] = &[
    ("vitest", "vitest"),
    ("jest", "jest"),
    ("mocha", "mocha"),
    ("node --test", "node:test"),
    ("--test", "node:test"),
    ("bun test", "bun:test"),
    ("ava", "ava"),
    ("jasmine", "jasmine"),
    ("react-scripts test", "jest"),
];

const JVM_MANIFESTS: &[&str] = &["pom.xml", "build.gradle", "build.gradle.kts", "gradle/libs.versions.toml"];

const C_MANIFESTS: &[&str] =
    &["CMakeLists.txt", "meson.build", "Makefile", "conanfile.txt", "conanfile.py", "vcpkg.json"];

pub fn of(context: &Context) -> Option<String> {
    let name = match context.language.name {
        "javascript" => node(context),
        "csharp" => csharp(context),
        language => signs(language).and_then(|signs| by_words(context, &signs)),
    };
    name.or_else(|| by_files(context)).map(str::to_string)
}

fn signs(language: &str) -> Option<Signs> {
    let jvm_words = &[
        ("kotest", "Kotest"),
        ("testng", "TestNG"),
        ("spock", "Spock"),
        ("jupiter", "JUnit 5"),
        ("useJUnitPlatform", "JUnit 5"),
        ("junit5", "JUnit 5"),
        ("kotlin(\"test\")", "kotlin.test"),
        ("kotlin-test", "kotlin.test"),
        ("junit", "JUnit 4"),
    ];
    let (manifests, words, otherwise): (&'static [_], &'static [_], _) = match language {
        "rust" => (&[], &[], Some("cargo test")),
        "python" => (
            &[
                "pyproject.toml",
                "pytest.ini",
                "setup.cfg",
                "tox.ini",
                "requirements-dev.txt",
                "requirements.txt",
                "Pipfile",
            ],
            &[("pytest", "pytest")],
            None,
        ),
        "go" => {
            (&["go.mod"], &[("stretchr/testify", "testing with testify"), ("onsi/ginkgo", "Ginkgo")], Some("testing"))
        }
        "java" | "kotlin" => (JVM_MANIFESTS, jvm_words, None),
        "scala" => (
            &["build.sbt", "build.sc"],
            &[("munit", "MUnit"), ("scalatest", "ScalaTest"), ("specs2", "specs2"), ("utest", "uTest")],
            None,
        ),
        "ruby" => (&["Gemfile", "Gemfile.lock"], &[("rspec", "RSpec"), ("minitest", "Minitest")], None),
        "php" => (&["composer.json"], &[("pestphp/pest", "Pest"), ("phpunit/phpunit", "PHPUnit")], None),
        "elixir" => (&[], &[], Some("ExUnit")),
        "dart" => (&["pubspec.yaml"], &[("flutter_test", "flutter_test")], Some("package:test")),
        "swift" => (&["Package.swift"], &[("swift-testing", "Swift Testing"), ("Quick", "Quick")], Some("XCTest")),
        "c" => (
            C_MANIFESTS,
            &[("criterion", "Criterion"), ("cmocka", "cmocka"), ("unity", "Unity"), ("gtest", "GoogleTest")],
            None,
        ),
        "cpp" => (
            C_MANIFESTS,
            &[
                ("Catch2", "Catch2"),
                ("catch2", "Catch2"),
                ("doctest", "doctest"),
                ("gtest", "GoogleTest"),
                ("GTest", "GoogleTest"),
                ("googletest", "GoogleTest"),
                ("unit_test_framework", "Boost.Test"),
            ],
            None,
        ),
        "haskell" => {
            (&["package.yaml", "stack.yaml"], &[("hspec", "Hspec"), ("tasty", "Tasty"), ("HUnit", "HUnit")], None)
        }
        "perl" => (&["cpanfile", "Makefile.PL", "dist.ini"], &[("Test2", "Test2::V0")], Some("Test::More")),
        "r" => (&["DESCRIPTION"], &[("tinytest", "tinytest")], Some("testthat")),
        "bash" => (&[], &[], Some("Bats")),
        _ => return None,
    };
    Some(Signs { manifests, words, otherwise })
}

fn by_words(context: &Context, signs: &Signs) -> Option<&'static str> {
    let found = |_: &str, text: &str| word_in(text, signs.words);
    context.manifest(signs.manifests, found).or(signs.otherwise)
}

fn word_in(text: &str, words: &[(&str, &'static str)]) -> Option<&'static str> {
    words.iter().find(|(word, _)| text.contains(word)).map(|(_, name)| *name)
}

/// The test script decides; without a telling one, what the package depends on.
fn node(context: &Context) -> Option<&'static str> {
    context.manifest(&["package.json"], |_, text| {
        let package: serde_json::Value = serde_json::from_str(text).ok()?;
        let script = package["scripts"]["test"].as_str().and_then(|script| word_in(script, NODE_SCRIPTS));
        let depends = |name: &str| ["devDependencies", "dependencies"].iter().any(|key| !package[key][name].is_null());
        script.or_else(|| NODE.iter().find(|(name, _)| depends(name)).map(|(_, framework)| *framework))
    })
}

/// The nearest test project decides.
fn csharp(context: &Context) -> Option<&'static str> {
    let words = [("xunit", "xUnit"), ("nunit", "NUnit"), ("mstest", "MSTest")];
    let projects = context.listing.files().filter(|path| path.ends_with(".csproj"));
    let mut texts = projects.filter_map(|path| (context.manifests)(path));
    texts.find_map(|text| word_in(&text.to_lowercase(), &words))
}

/// What the mere presence of a file says.
fn by_files(context: &Context) -> Option<&'static str> {
    let has = |name: &str| context.listing.has_file_called(name);
    let starts = |start: &str| context.listing.files().any(|path| file_name_of(path).starts_with(start));
    let ends = |end: &str| context.listing.tests.iter().any(|test| test.path.ends_with(end));
    match context.language.name {
        "python" if has("conftest.py") || has("pytest.ini") => Some("pytest"),
        "javascript" if starts("vitest.config.") => Some("vitest"),
        "javascript" if starts("jest.config.") => Some("jest"),
        "javascript" if starts(".mocharc.") => Some("mocha"),
        "javascript" if has("deno.json") => Some("Deno.test"),
        "ruby" if has(".rspec") || ends("_spec.rb") => Some("RSpec"),
        "ruby" if ends("_test.rb") => Some("Minitest"),
        "php" if has("phpunit.xml") || has("phpunit.xml.dist") => Some("PHPUnit"),
        "lua" if has(".busted") || ends("_spec.lua") => Some("busted"),
        "haskell" if ends("Spec.hs") => Some("Hspec"),
        _ => None,
    }
}
