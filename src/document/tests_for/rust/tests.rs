//! Rust's cases.

use crate::document::tests_for::tests::{describe, placed};

#[test]
fn rust_tests_are_inline_or_in_the_crates_folder() {
    let public = "pub fn open() {}\n";
    let tested = "pub fn open() {}\n#[cfg(test)]\nmod tests {\n}\n";
    for (source, files, manifest, text, expected) in [
        ("src/store.rs", "src/lib.rs", "", public, "tests/store.rs"),
        ("src/store.rs", "src/lib.rs", "", "", "tests/store.rs"),
        ("src/store.rs", "src/lib.rs", "", tested, "inline"),
        ("src/store.rs", "src/lib.rs", "", "fn open() {}\npub(crate) fn close() {}\n", "inline"),
        ("src/store.rs", "src/main.rs", "", public, "inline"),
        ("src/store.rs", "", "[lib]\npath = \"src/x.rs\"", public, "tests/store.rs"),
        ("src/store.rs", "src/lib.rs", "autotests = false", public, "inline"),
        ("src/store.rs", "src/lib.rs", "[lib]\nproc-macro = true", public, "inline"),
        ("src/main.rs", "src/lib.rs", "", public, "inline"),
        ("src/bin/tool.rs", "src/lib.rs", "", public, "inline"),
        ("build.rs", "src/lib.rs", "", public, "inline"),
        ("src/lib.rs", "", "[package]\nname = \"my-crate\"", public, "tests/my_crate.rs"),
        ("src/lib.rs", "", "", public, "tests/lib.rs"),
        ("src/store/mod.rs", "src/lib.rs", "", public, "tests/store.rs"),
        ("src/a/store.rs", "src/lib.rs src/store.rs tests/store.rs", "", public, "tests/a_store.rs"),
        ("src/store.rs", "src/lib.rs tests/store.rs", "", public, "tests/store.rs"),
        ("src/store.rs", "src/lib.rs tests/it/store.rs", "", public, "tests/it/store.rs"),
        ("src/store.rs", "src/lib.rs tests/test_store.rs", "", public, "tests/test_store.rs"),
        ("src/store.rs", "src/lib.rs tests/store.rs", "", tested, "inline"),
        ("src/store.rs", "src/lib.rs tests/a_test.rs tests/b_test.rs tests/c.rs", "", public, "tests/store_test.rs"),
        ("src/store.rs", "src/lib.rs", "", "#[cfg(test)]\nmod tests;\n", "src/store/tests.rs"),
        ("src/store.rs", "src/lib.rs src/store/tests/mod.rs", "", "mod tests;\n", "src/store/tests/mod.rs"),
        ("src/store/mod.rs", "src/lib.rs", "", "#[cfg(test)]\n  mod tests;\n", "src/store/tests.rs"),
        ("src/lib.rs", "", "", "#[cfg(test)] \nmod test;\n", "src/test.rs"),
    ] {
        let placement = placed(source, files, &[("Cargo.toml", manifest)], "", text);
        assert_eq!(describe(&placement), expected, "{source} among {files} with {manifest:?}: {text:?}");
        let placement = placement.unwrap();
        assert_eq!(placement.framework.as_deref(), Some("cargo test"));
        assert!(!placement.inline || placement.path == source);
    }
    let member = placed(
        "crates/a/src/x.rs",
        "crates/a/src/lib.rs src/lib.rs",
        &[("Cargo.toml", ""), ("crates/a/Cargo.toml", "")],
        "",
        "",
    );
    assert_eq!(describe(&member), "crates/a/tests/x.rs");
    let open = placed("src/store.rs", "src/lib.rs tests/store.rs", &[("Cargo.toml", "")], "tests/store.rs", tested);
    assert_eq!(describe(&open), "tests/store.rs", "the user has it before them");
}
