//! The table of conventions as a table of cases.

use proptest::prelude::*;

use super::*;

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_string).collect()
}

/// The placement for a source in a workspace of `files`, whose manifests hold these texts.
pub fn placed(source: &str, files: &str, manifests: &[(&str, &str)], open: &str, text: &str) -> Option<Placement> {
    let mut files = words(files);
    files.push(source.into());
    files.extend(manifests.iter().map(|(path, _)| path.to_string()));
    let manifest = |path: &str| manifests.iter().find(|(known, _)| *known == path).map(|(_, text)| text.to_string());
    place(source, &files, &manifest, &words(open), text)
}

/// `path`, `inline`, or `none`.
pub fn describe(placement: &Option<Placement>) -> &str {
    match placement {
        None => "none",
        Some(placement) if placement.inline => "inline",
        Some(placement) => &placement.path,
    }
}

/// Rows of source, other files, and the place of the tests.
fn check(rows: &[(&str, &str, &str)]) {
    for (source, files, expected) in rows {
        let placement = placed(source, files, &[], "", "");
        assert_eq!(describe(&placement), *expected, "{source} among {files}");
        if let Some(placement) = placement {
            assert_eq!(placement.exists, words(files).contains(&placement.path) || placement.path == *source);
        }
    }
}

/// Source, other files, one manifest with its text, the place of the tests, and the framework.
type Row = (&'static str, &'static str, (&'static str, &'static str), &'static str, &'static str);

fn check_manifests(rows: &[Row]) {
    for (source, files, manifest, expected, framework) in rows {
        let placement = placed(source, files, &[*manifest], "", "");
        assert_eq!(describe(&placement), *expected, "{source} among {files} with {manifest:?}");
        let found = placement.and_then(|placement| placement.framework).unwrap_or_default();
        assert_eq!(found, *framework, "{source} with {manifest:?}");
    }
}

#[test]
fn conventions() {
    check(&[
        // Python
        ("store.py", "", "tests/test_store.py"),
        ("store.py", "tests/data.json", "tests/test_store.py"),
        ("store.py", "test/data.json", "test/test_store.py"),
        ("src/store.py", "", "tests/test_store.py"),
        ("src/pkg/store.py", "src/pkg/__init__.py", "tests/test_store.py"),
        ("pkg/sub/store.py", "pkg/__init__.py pkg/sub/__init__.py", "tests/sub/test_store.py"),
        ("scripts/run.py", "", "tests/scripts/test_run.py"),
        ("pkg/__init__.py", "", "tests/test_pkg.py"),
        ("services/a/src/x.py", "services/a/pyproject.toml services/b/tests/test_y.py", "services/a/tests/test_x.py"),
        ("tests/factory.py", "", "tests/test_factory.py"),
        // Go
        ("store.go", "", "store_test.go"),
        ("internal/db/store.go", "tests/e2e_test.go", "internal/db/store_test.go"),
        // JavaScript
        ("src/store.ts", "", "src/store.test.ts"),
        ("src/App.tsx", "", "src/App.test.tsx"),
        ("lib/a.mjs", "", "lib/a.test.mjs"),
        ("src/Foo.vue", "tsconfig.json", "src/Foo.test.ts"),
        ("src/Foo.svelte", "", "src/Foo.test.js"),
        ("src/routes/+page.ts", "", "src/routes/page.test.ts"),
        // JVM
        ("src/main/java/com/x/Store.java", "", "src/test/java/com/x/StoreTest.java"),
        ("app/src/main/kotlin/com/x/Store.kt", "", "app/src/test/kotlin/com/x/StoreTest.kt"),
        ("src/commonMain/kotlin/Store.kt", "", "src/commonTest/kotlin/StoreTest.kt"),
        ("src/com/x/Store.java", "test/readme.txt", "test/com/x/StoreTest.java"),
        ("Store.java", "", "src/test/java/StoreTest.java"),
        ("src/main/scala/x/Store.scala", "", "src/test/scala/x/StoreSpec.scala"),
        ("src/main/java/x/OrderTest.java", "", "src/test/java/x/OrderTestTest.java"),
        // C#
        ("src/App/Models/Store.cs", "src/App/App.csproj", "src/App.Tests/Models/StoreTests.cs"),
        ("App/Store.cs", "App/App.csproj App.UnitTests/App.UnitTests.csproj", "App.UnitTests/StoreTests.cs"),
        ("src/App/Store.cs", "src/App/App.csproj tests/readme.md", "tests/App.Tests/StoreTests.cs"),
        ("App/Store.cs", "", "App.Tests/StoreTests.cs"),
        ("Store.cs", "", "Tests/StoreTests.cs"),
        ("Store.cs", "App.csproj", "App.Tests/StoreTests.cs"),
        // Ruby
        ("lib/gem/store.rb", "", "spec/gem/store_spec.rb"),
        ("app/models/user.rb", "spec/rails_helper.rb", "spec/models/user_spec.rb"),
        ("app/models/user.rb", "test/test_helper.rb", "test/models/user_test.rb"),
        // PHP
        ("src/Model/Store.php", "", "tests/Model/StoreTest.php"),
        ("app/Models/User.php", "tests/Unit/.gitkeep", "tests/Unit/Models/UserTest.php"),
        // Elixir, Dart
        ("lib/app/store.ex", "", "test/app/store_test.exs"),
        ("apps/web/lib/web/store.ex", "mix.exs apps/web/mix.exs", "apps/web/test/web/store_test.exs"),
        ("lib/src/store.dart", "pubspec.yaml", "test/src/store_test.dart"),
        // Swift
        ("Sources/App/Models/Store.swift", "Package.swift", "Tests/AppTests/StoreTests.swift"),
        ("App/Store.swift", "", "AppTests/StoreTests.swift"),
        ("Store.swift", "", "Tests/StoreTests.swift"),
        // C, C++
        ("src/store.c", "", "tests/test_store.c"),
        ("src/store.c", "test/readme.md", "test/test_store.c"),
        ("include/store.h", "src/store.c", "tests/test_store.c"),
        ("src/store.cc", "", "tests/store_test.cc"),
        ("src/store.cpp", "test/readme.md", "test/store_test.cpp"),
        ("include/x/store.hpp", "", "tests/store_test.cpp"),
        ("include/x/store.h", "src/a.cpp src/b.cpp src/c.cc", "tests/store_test.cpp"),
        // Haskell, Lua, Perl, R, Bash
        ("src/Data/Store.hs", "", "test/Data/StoreSpec.hs"),
        ("lua/plugin/store.lua", "", "spec/plugin/store_spec.lua"),
        ("lua/plugin/store.lua", "tests/minimal_init.vim", "tests/plugin/store_spec.lua"),
        ("lib/My/Store.pm", "", "t/Store.t"),
        ("R/store.R", "DESCRIPTION", "tests/testthat/test-store.R"),
        ("bin/store.sh", "", "test/store.bats"),
        ("bin/store.sh", "tests/readme.md", "tests/store.bats"),
        // Nothing is known.
        ("README.md", "", "none"),
        ("Makefile", "", "none"),
        ("store.zig", "", "none"),
        ("", "", "none"),
    ]);
}

#[test]
fn existing_tests() {
    check(&[
        ("store.py", "test_store.py", "test_store.py"),
        ("src/pkg/store.py", "tests/test_store.py", "tests/test_store.py"),
        ("src/pkg/store.py", "tests/unit/db/test_store.py", "tests/unit/db/test_store.py"),
        ("src/pkg/store.py", "src/pkg/tests/test_store.py", "src/pkg/tests/test_store.py"),
        ("src/pkg/store.py", "src/pkg/store_test.py", "src/pkg/store_test.py"),
        ("src/store.ts", "src/__tests__/store.ts", "src/__tests__/store.ts"),
        ("lib/store.js", "test/store.js", "test/store.js"),
        ("src/store.ts", "src/store.spec.ts", "src/store.spec.ts"),
        ("src/store.tsx", "src/store.test.ts", "src/store.test.ts"),
        ("src/main/java/x/Store.java", "src/test/java/x/StoreTests.java", "src/test/java/x/StoreTests.java"),
        ("src/App/Store.cs", "test/App.Tests/StoreTest.cs", "test/App.Tests/StoreTest.cs"),
        ("lib/store.rb", "test/test_store.rb", "test/test_store.rb"),
        ("src/store.c", "tests/store_test.c", "tests/store_test.c"),
        ("src/store.c", "tests/store_test.cpp", "tests/store_test.cpp"),
        ("src/store.h", "src/store.cc tests/store_unittest.cc", "tests/store_unittest.cc"),
        ("lib/My/Store.pm", "t/Store.t", "t/Store.t"),
        ("bin/store.sh", "test/test_store.bats", "test/test_store.bats"),
        ("Sources/App/Store.swift", "Tests/AppTests/StoreTests.swift", "Tests/AppTests/StoreTests.swift"),
        ("src/rust.rs", "Cargo.toml src/lib.rs tests/rust.rs", "tests/rust.rs"),
        // Of several sources of one name each has its own.
        ("a/utils.py", "b/utils.py tests/a/test_utils.py tests/b/test_utils.py", "tests/a/test_utils.py"),
        ("b/utils.py", "a/utils.py tests/a/test_utils.py tests/b/test_utils.py", "tests/b/test_utils.py"),
        (
            "packages/a/src/utils.ts",
            "packages/b/src/utils.ts packages/b/test/utils.test.ts",
            "packages/a/test/utils.test.ts",
        ),
        ("src/a/utils.py", "src/b/utils.py tests/test_utils.py", "tests/test_a_utils.py"),
        ("src/utils.py", "src/deep/utils.py tests/test_utils.py", "tests/test_utils.py"),
        ("src/deep/utils.py", "src/utils.py tests/test_utils.py", "tests/deep/test_utils.py"),
        ("a/store.go", "b/store.go b/store_test.go", "a/store_test.go"),
    ]);
}

#[test]
fn a_test_file_is_its_own_place() {
    for source in [
        "tests/test_store.py",
        "store_test.go",
        "src/store.test.ts",
        "src/__tests__/store.ts",
        "t/Store.t",
        "src/test/java/x/StoreTest.java",
        "spec/store_spec.rb",
        "tests/Unit/StoreTest.php",
        "test/store_test.exs",
        "Tests/AppTests/StoreTests.swift",
        "tests/store_test.cc",
        "test/StoreSpec.hs",
        "test/store.bats",
        "tests/store.rs",
        "crates/a/tests/it/store.rs",
        "src/store/tests.rs",
        "src/store_test.rs",
        "App.Tests/StoreTests.cs",
    ] {
        let files = "Cargo.toml crates/a/Cargo.toml src/lib.rs src/store.rs store.py lib/store.rb";
        let placement = placed(source, files, &[], "", "").unwrap();
        assert_eq!((placement.path.as_str(), placement.inline, placement.exists), (source, false, true));
    }
    // Names and folders that only look like tests.
    check(&[
        ("src/spec/parser.ts", "", "src/spec/parser.test.ts"),
        ("test/app.ts", "", "test/app.test.ts"),
        ("src/Testament.java", "", "src/test/java/TestamentTest.java"),
        ("src/contest.py", "", "tests/test_contest.py"),
        ("src/OpenApiSpec.hs", "", "test/OpenApiSpecSpec.hs"),
    ]);
}

#[test]
fn what_the_nearest_tests_have_in_common() {
    check(&[
        ("src/b.ts", "src/a.ts src/a.spec.ts", "src/b.spec.ts"),
        ("src/b.ts", "src/a.ts src/a.spec.ts src/c.ts src/c.test.ts src/d.ts src/d.test.ts", "src/b.test.ts"),
        ("src/b.ts", "src/a.ts src/__tests__/a.ts", "src/__tests__/b.ts"),
        ("src/x/b.ts", "src/a.ts src/__tests__/a.test.ts", "src/x/__tests__/b.test.ts"),
        ("src/x/b.ts", "src/y/a.ts test/y/a.test.ts", "test/x/b.test.ts"),
        ("lib/b.js", "lib/a.js test/a.js", "test/b.js"),
        ("packages/b/src/x.ts", "packages/a/src/y.ts packages/a/tests/y.test.ts", "packages/b/tests/x.test.ts"),
        (
            "packages/b/src/x.ts",
            "packages/b/src/y.ts packages/b/src/y.spec.ts a/z.ts a/z.test.ts a/w.ts a/w.test.ts",
            "packages/b/src/x.spec.ts",
        ),
        ("src/pkg/b.py", "src/pkg/a.py tests/test_a.py", "tests/test_b.py"),
        ("src/pkg/sub/b.py", "src/pkg/a.py tests/test_a.py", "tests/sub/test_b.py"),
        ("src/pkg/b.py", "src/pkg/a.py tests/pkg/test_a.py", "tests/pkg/test_b.py"),
        ("src/y/b.py", "src/x/a.py tests/test_a.py", "tests/test_b.py"),
        ("pkg/b.py", "pkg/a.py pkg/tests/test_a.py", "pkg/tests/test_b.py"),
        ("b.py", "a.py test_a.py", "test_b.py"),
        ("b.py", "a.py a_test.py", "b_test.py"),
        ("src/b.py", "tests/test_end_to_end.py", "tests/test_b.py"),
        ("src/main/java/x/B.java", "src/main/java/x/A.java src/test/java/x/ATests.java", "src/test/java/x/BTests.java"),
        ("src/main/java/y/B.java", "src/main/java/x/A.java src/test/java/x/TestA.java", "src/test/java/y/TestB.java"),
        ("src/App/M/B.cs", "src/App/A.cs test/App.Tests/ATest.cs", "test/App.Tests/M/BTest.cs"),
        ("lib/b.rb", "lib/a.rb test/test_a.rb", "test/test_b.rb"),
        ("app/models/b.rb", "lib/a.rb spec/lib/a_spec.rb", "spec/models/b_spec.rb"),
        ("src/b.cc", "src/a.cc src/a_test.cc", "src/b_test.cc"),
        ("src/b.c", "src/a.c test/unit/test_a.c", "test/unit/test_b.c"),
        (
            "Sources/App/Sub/B.swift",
            "Sources/App/Sub/A.swift Tests/AppTests/Sub/ATests.swift",
            "Tests/AppTests/Sub/BTests.swift",
        ),
    ]);
}

#[test]
fn manifests_say_place_and_framework() {
    let toml = "[tool.pytest.ini_options]\ntestpaths = [\n  \"checks\",\n]\n";
    check_manifests(&[
        ("src/store.py", "", ("pyproject.toml", toml), "checks/test_store.py", "pytest"),
        ("a.py", "", ("pytest.ini", "[pytest]\ntestpaths = t/unit t/e2e\n"), "t/unit/test_a.py", "pytest"),
        ("a.py", "", ("setup.cfg", "[tool:pytest]\ntestpaths =\n    checks\n"), "checks/test_a.py", "pytest"),
        ("a.py", "", ("tox.ini", "[pytest]\ntestpaths = ../x\n"), "tests/test_a.py", "pytest"),
        ("a.py", "", ("pyproject.toml", "[project]\nname = \"x\"\n"), "tests/test_a.py", ""),
        ("a.py", "tests/conftest.py", ("pyproject.toml", ""), "tests/test_a.py", "pytest"),
        ("a.ts", "", ("package.json", r#"{"devDependencies": {"vitest": "1"}}"#), "a.test.ts", "vitest"),
        ("a.ts", "", ("package.json", r#"{"devDependencies": {"jest": "1"}}"#), "a.test.ts", "jest"),
        ("src/a.js", "", ("package.json", r#"{"devDependencies": {"mocha": "1"}}"#), "test/a.test.js", "mocha"),
        ("a.js", "", ("package.json", r#"{"scripts": {"test": "node --test"}}"#), "a.test.js", "node:test"),
        (
            "a.ts",
            "",
            ("package.json", r#"{"scripts": {"test": "vitest run"}, "devDependencies": {"jest": "1"}}"#),
            "a.test.ts",
            "vitest",
        ),
        ("a.ts", "", ("package.json", r#"{"dependencies": {"@angular/core": "1"}}"#), "a.spec.ts", ""),
        ("a.ts", "", ("package.json", "not JSON"), "a.test.ts", ""),
        ("a.ts", "vitest.config.ts", ("package.json", "{}"), "a.test.ts", "vitest"),
        (
            "packages/a/x.ts",
            "",
            ("package.json", r#"{"devDependencies": {"jest": "1"}}"#),
            "packages/a/x.test.ts",
            "jest",
        ),
        ("a.ts", "", ("deno.json", "{}"), "a_test.ts", "Deno.test"),
        ("a.go", "", ("go.mod", "require github.com/stretchr/testify v1"), "a_test.go", "testing with testify"),
        ("a.go", "", ("go.mod", ""), "a_test.go", "testing"),
        (
            "src/main/java/A.java",
            "",
            ("pom.xml", "<artifactId>junit-jupiter</artifactId>"),
            "src/test/java/ATest.java",
            "JUnit 5",
        ),
        ("src/main/kotlin/A.kt", "", ("build.gradle.kts", "io.kotest:x"), "src/test/kotlin/ATest.kt", "Kotest"),
        ("src/main/scala/A.scala", "", ("build.sbt", "\"munit\""), "src/test/scala/ASuite.scala", "MUnit"),
        ("src/main/scala/A.scala", "", ("build.sbt", "scalatest"), "src/test/scala/ASpec.scala", "ScalaTest"),
        (
            "App/A.cs",
            "App/App.csproj",
            ("App.Tests/App.Tests.csproj", "Include=\"xunit\""),
            "App.Tests/ATests.cs",
            "xUnit",
        ),
        ("lib/a.rb", "", ("Gemfile", "gem 'minitest'"), "test/a_test.rb", "Minitest"),
        ("lib/a.rb", "", ("Gemfile", "gem 'rspec'"), "spec/a_spec.rb", "RSpec"),
        (
            "src/A.php",
            "",
            ("composer.json", "{\"require-dev\": {\"phpunit/phpunit\": \"1\"}}"),
            "tests/ATest.php",
            "PHPUnit",
        ),
        ("src/A.php", "", ("phpunit.xml", "<directory>tests/Unit</directory>"), "tests/Unit/ATest.php", "PHPUnit"),
        ("lib/a.dart", "", ("pubspec.yaml", "flutter_test:"), "test/a_test.dart", "flutter_test"),
        ("src/a.cc", "", ("CMakeLists.txt", "find_package(GTest)"), "tests/a_test.cc", "GoogleTest"),
        ("src/A.hs", "", ("package.yaml", "- hspec"), "test/ASpec.hs", "Hspec"),
        ("R/a.R", "", ("DESCRIPTION", ""), "tests/testthat/test-a.R", "testthat"),
    ]);
}

#[test]
fn an_open_test_file_comes_first() {
    let files = "tests/test_store.py tests/unit/test_store.py";
    let placement = |open| placed("src/store.py", files, &[], open, "");
    assert_eq!(describe(&placement("")), "tests/test_store.py");
    assert_eq!(describe(&placement("tests/unit/test_store.py")), "tests/unit/test_store.py");
    assert_eq!(describe(&placement("tests/test_other.py src/store.py")), "tests/test_store.py");
    let unsaved = placed("src/store.py", "", &[], "checks/test_store.py", "").unwrap();
    assert_eq!((unsaved.path.as_str(), unsaved.exists), ("checks/test_store.py", true));
}

#[test]
fn the_example_is_the_nearest_other_test() {
    let example = |source: &str, files: &str| placed(source, files, &[], "", "").unwrap().example;
    let files = "src/a.py src/x/b.py tests/test_a.py tests/x/test_b.py other/test_z.py";
    assert_eq!(example("src/x/c.py", files).as_deref(), Some("tests/x/test_b.py"));
    assert_eq!(example("src/c.py", files).as_deref(), Some("tests/test_a.py"));
    assert_eq!(example("src/a.py", files).as_deref(), Some("tests/x/test_b.py"), "not the file itself");
    assert_eq!(example("src/a.go", files), None, "of the same language");
}

#[test]
fn a_package_tells_the_folder() {
    let text = "// x\npackage com.x.store;\n\nclass Store {}\n";
    let placement = placed("Store.java", "", &[], "", text);
    assert_eq!(describe(&placement), "src/test/java/com/x/store/StoreTest.java");
    let placement = placed("Store.java", "", &[], "", "package ../../etc;\n");
    assert_eq!(describe(&placement), "src/test/java/StoreTest.java");
}

proptest! {
    #[test]
    fn the_file_under_test_is_never_its_own_test(
        folder in "(src/|lib/|app/|tests/|pkg/|src/main/java/|Sources/App/){0,2}",
        stem in "[a-zA-Z_.+-]{0,6}(_test|Test|\\.spec|)",
        extension in "(rs|py|go|ts|tsx|js|vue|java|kt|scala|cs|rb|php|ex|exs|dart|swift|c|h|cc|hpp|hs|lua|pm|t|R|sh|bats)",
        others in proptest::collection::vec("(src/|tests/|test/|a/b/)?[a-z]{1,3}(_test|\\.test|)\\.(rs|py|go|ts|c|rb|sh)", 0..8),
        text in "(pub fn a|#\\[cfg\\(test\\)\\]|mod tests;|\n|package a.b;){0,4}",
    ) {
        let source = format!("{folder}{stem}.{extension}");
        let files = others.join(" ");
        if let Some(placement) = placed(&source, &files, &[("Cargo.toml", "[lib]"), ("package.json", "{}")], &files, &text) {
            let listing_language = language::of(&source, &[]).unwrap();
            let is_test = listing_language.is_certainly_test(&source) || listing_language.home == Home::Crate;
            prop_assert!(placement.inline == (placement.path == source) || is_test, "{placement:?}");
            prop_assert!(!placement.path.starts_with('/') && !placement.path.contains("//"));
        }
    }

    #[test]
    fn nothing_makes_it_panic(source in any::<String>(), files in any::<Vec<String>>(), text in any::<String>()) {
        place(&source, &files, &|_| Some(text.clone()), &files, &text);
        place(&format!("{source}.py"), &files, &|_| Some(text.clone()), &files, &text);
        place(&format!("{source}.rs"), &files, &|_| Some(text.clone()), &files, &text);
    }
}
