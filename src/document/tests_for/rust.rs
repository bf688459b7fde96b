//! Rust keeps tests of private items in the source, and tests of a library's public interface in `tests/`.

use super::{
    Context, Found,
    language::stem_of,
    listing::{core, file_name_of, folder_of, join},
};

/// An open or declared test module wins, then inline tests, then the crate's `tests` folder.
pub fn find(context: &Context) -> Option<Found> {
    let root = crate_root(context);
    let inside = context.source.strip_prefix(&join(&root, "")).unwrap_or(context.source);
    if inside.starts_with("tests/") {
        return Some(Found { path: context.source.into(), inline: false });
    }
    if is_test_module(inside) {
        return Some(Found { path: context.source.into(), inline: false });
    }
    let beside = |path: &str| Some(Found { path: path.into(), inline: false });
    let integration = |path: &&str| path.starts_with(&join(&root, "tests/"));
    let existing: Vec<&str> = context.listing.tests_of(context.source).into_iter().filter(integration).collect();
    if let Some(open) = existing.iter().find(|path| context.open.iter().any(|open| open == *path)) {
        return beside(open);
    }
    if let Some(module) = declared_module(context) {
        return beside(&module);
    }
    let inline = Some(Found { path: context.source.into(), inline: true });
    if has_inline_tests(context.source_text) {
        return inline;
    }
    if let Some(first) = existing.first() {
        return beside(first);
    }
    if !is_library(context, &root, inside) || is_private(context.source_text) {
        return inline;
    }
    let name = name(context, &root);
    let usual = usual_name(context, &root);
    let parent = core(folder_of(inside)).pop();
    let names = std::iter::once(name.clone()).chain(parent.map(|parent| format!("{parent}_{name}")));
    let mut paths = names.map(|name| join(&root, &format!("tests/{}.rs", usual.replace("{}", &name))));
    let path = paths.find(|path| !context.listing.contains(path))?;
    beside(&path)
}

/// The folder of `Cargo.toml`, else what is above `src`.
fn crate_root(context: &Context) -> String {
    if let Some(root) = context.manifest(&["Cargo.toml"], |folder, _| Some(folder.to_string())) {
        return root;
    }
    let project = context.listing.project(context.source);
    let above = context.source.rfind("/src/").map(|at| &context.source[..at]);
    if project.is_empty() { above.unwrap_or_default().into() } else { project.into() }
}

/// `src/store/tests.rs`, `src/store_test.rs`.
fn is_test_module(inside: &str) -> bool {
    let stem = stem_of(inside);
    ["tests", "test"].contains(&stem) || stem.ends_with("_test") || stem.ends_with("_tests")
}

/// The file of a `mod tests;` in the source.
fn declared_module(context: &Context) -> Option<String> {
    let declares = |name: &&&str| {
        let line = format!("mod {name};");
        context.source_text.lines().any(|text| text.trim() == line)
    };
    let name = ["tests", "test"].iter().find(declares)?;
    let folder = folder_of(context.source);
    let stem = stem_of(context.source);
    let folder = if ["mod", "lib", "main"].contains(&stem) { folder.into() } else { join(folder, stem) };
    let nested = join(&folder, &format!("{name}/mod.rs"));
    Some(if context.listing.contains(&nested) { nested } else { join(&folder, &format!("{name}.rs")) })
}

fn has_inline_tests(text: &str) -> bool {
    text.lines().map(str::trim_start).any(|line| line.starts_with("#[cfg(test)]") || line.starts_with("#[test]"))
}

/// Whether tests in `tests/` can reach the source: part of a library, and such tests are built.
fn is_library(context: &Context, root: &str, inside: &str) -> bool {
    let manifest = (context.manifests)(&join(root, "Cargo.toml")).unwrap_or_default();
    let says = |line: &str| manifest.lines().any(|text| text.replace(' ', "").starts_with(line));
    let has_library = context.listing.contains(&join(root, "src/lib.rs")) || inside == "src/lib.rs" || says("[lib]");
    let is_program = inside == "src/main.rs" || inside.starts_with("src/bin/") || !inside.starts_with("src/");
    has_library && !is_program && !says("autotests=false") && !says("proc-macro=true")
}

/// Whether nothing in the source can be seen from outside.
fn is_private(text: &str) -> bool {
    let is_public = |line: &str| line.trim_start().starts_with("pub ") || line.contains("#[macro_export]");
    !text.trim().is_empty() && !text.lines().any(is_public)
}

fn name(context: &Context, root: &str) -> String {
    let stem = context.language.stem_of_source(context.source);
    if stem != "lib" {
        return stem.into();
    }
    let manifest = (context.manifests)(&join(root, "Cargo.toml")).unwrap_or_default();
    let mut lines = manifest.lines().map(|line| line.replace([' ', '"'], ""));
    let package = lines.find_map(|line| Some(line.strip_prefix("name=")?.replace('-', "_")));
    let is_plain = |name: &String| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    package.filter(is_plain).unwrap_or("lib".into())
}

/// How most of the crate's integration tests are called.
fn usual_name(context: &Context, root: &str) -> &'static str {
    let folder = join(root, "tests");
    let count = |name: &&&str| {
        let tests =
            context.listing.files().filter(|path| folder_of(path) == folder && file_name_of(path).ends_with(".rs"));
        let (before, behind) = name.split_once("{}").unwrap_or_default();
        tests.filter(|path| stem_of(path).starts_with(before) && stem_of(path).ends_with(behind)).count()
    };
    let all = count(&&"{}");
    let affixed = ["{}_test", "{}_tests", "test_{}"];
    affixed.iter().find(|name| all > 0 && 2 * count(name) > all).copied().unwrap_or("{}")
}

#[cfg(test)]
mod tests;
