//! The rules of the house that a machine can check.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Longer files hold more than one idea.
const MAX_LINES: usize = 400;
/// Of files that are nothing but cases.
const MAX_TEST_LINES: usize = 600;

/// Which modules of ours a layer may use besides itself, and which outside crates it has beside the standard library and the common
/// ones. The order is that of the map in `lib.rs`.
const LAYERS: &[Layer] = &[
    Layer { name: "workflow", ours: &["config"], crates: &["serde", "serde_json", "toml", "schemars", "strsim"] },
    Layer {
        name: "document",
        ours: &[],
        crates: &[
            "ropey",
            "imara_diff",
            "memchr",
            "ignore",
            "globset",
            "regex",
            "linguist",
            "linguist_types",
            "unicode_normalization",
            "strsim",
            "tempfile",
            "percent_encoding",
            // Front matter is YAML, and its values are wanted as they are written.
            "serde",
            "serde_json",
            "serde_saphyr",
            "thiserror",
        ],
    },
    Layer {
        name: "engine",
        ours: &["workflow", "document", "config"],
        crates: &["futures", "tokio", "tokio_util", "async_trait", "thiserror", "serde_json"],
    },
    Layer {
        name: "config",
        ours: &[],
        crates: &["serde", "serde_json", "toml", "schemars", "strsim", "etcetera", "tempfile", "ring", "regex"],
    },
    Layer {
        name: "model",
        ours: &["engine", "config", "workflow"],
        crates: &[
            "reqwest",
            "memchr",
            "rustls",
            "tokio",
            "tokio_util",
            "futures",
            "async_trait",
            "serde",
            "serde_json",
            "secrecy",
            "httpdate",
            "tempfile",
            "tracing",
            "strsim",
            "anyhow",
            "thiserror",
            // The list of what is publicly known about models.
            "toml",
        ],
    },
    Layer { name: "files", ours: &["config", "document", "engine"], crates: &[] },
    Layer {
        name: "history",
        ours: &["engine", "workflow", "document"],
        crates: &[
            "rusqlite",
            "ring",
            "lz4_flex",
            "serde",
            "serde_json",
            "tokio",
            "async_trait",
            "rustix",
            "tracing",
            "thiserror",
        ],
    },
    Layer {
        name: "check",
        ours: &["document", "engine", "config"],
        crates: &["tokio", "async_trait", "tempfile", "rustix"],
    },
    Layer {
        name: "setup",
        ours: &["config", "document", "engine", "files", "workflow", "check", "model"],
        crates: &[
            "serde_json",
            // Where a panic happened.
            "tracing",
        ],
    },
    Layer {
        name: "cli",
        ours: &["config", "document", "engine", "files", "history", "model", "setup", "workflow"],
        crates: &[
            "lexopt",
            "tokio",
            "tokio_util",
            "async_trait",
            "serde_json",
            "tempfile",
            "thiserror",
            "anyhow",
            "toml",
            "regex",
        ],
    },
    Layer {
        name: "lsp",
        ours: &["config", "document", "engine", "files", "history", "model", "setup", "workflow"],
        crates: &[
            "tower_lsp",
            "tower_service",
            "serde_path_to_error",
            "tokio",
            "tokio_util",
            "futures",
            "async_trait",
            "serde",
            "serde_json",
            "tracing",
            "thiserror",
        ],
    },
];

/// Only in tests, anywhere.
const TEST_CRATES: &[&str] = &["expect_test", "proptest"];

struct Layer {
    name: &'static str,
    ours: &'static [&'static str],
    crates: &'static [&'static str],
}

struct SourceFile {
    /// Below `src`, with `/`.
    name: String,
    text: String,
}

impl SourceFile {
    fn layer(&self) -> &str {
        let first = self.name.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    fn is_test(&self) -> bool {
        self.name.ends_with("/tests.rs") || self.name.contains("/tests/")
    }

    /// The lines before the tests, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let begins_tests = |line: &&str| line.starts_with("#[cfg(") && line.contains("test");
        let lines = self.text.lines().take_while(move |line| !begins_tests(line) || self.is_test());
        lines.enumerate().map(|(i, line)| (i + 1, line.split("//").next().unwrap_or(line)))
    }
}

#[test]
fn layers_use_only_what_lies_below_them() {
    let layers: BTreeMap<_, _> = LAYERS.iter().map(|layer| (layer.name, layer)).collect();
    let modules: Vec<&str> = LAYERS.iter().map(|layer| layer.name).collect();
    let dependencies = dependencies();
    let mut faults = Vec::new();
    for file in sources() {
        let Some(layer) = layers.get(file.layer()).filter(|_| !file.is_test()) else { continue };
        for (line, text) in file.code() {
            for module in &modules {
                let used = text.contains(&format!("crate::{module}::")) || text.contains(&format!("crate::{{{module}"));
                if used && *module != layer.name && !layer.ours.contains(module) {
                    faults.push(format!("{}:{line}: {} may not use {module}", file.name, layer.name));
                }
            }
            for dependency in &dependencies {
                let used = uses(text, dependency);
                let common = layer.crates.contains(&dependency.as_str());
                if used && !common && !TEST_CRATES.contains(&dependency.as_str()) {
                    faults.push(format!("{}:{line}: {} may not use the crate {dependency}", file.name, layer.name));
                }
            }
        }
    }
    none(faults);
}

/// `use crate::{…}` over several lines is the usual form, which the check above reads line by line.
#[test]
fn grouped_imports_respect_the_layers() {
    let mut faults = Vec::new();
    for file in sources() {
        let layer = LAYERS.iter().find(|layer| layer.name == file.layer() && !file.is_test());
        let Some(layer) = layer else { continue };
        let code: String = file.code().map(|(_, line)| format!("{line}\n")).collect();
        for group in code.split("use crate::{").skip(1) {
            let group = group.split("};").next().unwrap_or_default();
            let mut depth = 0;
            let mut top = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    _ if depth == 0 => top.push(c),
                    _ => {}
                }
            }
            for path in top.split(',') {
                let module = path.trim().split("::").next().unwrap_or_default();
                let known = LAYERS.iter().any(|layer| layer.name == module);
                if known && module != layer.name && !layer.ours.contains(&module) {
                    faults.push(format!("{}: {} may not use {module}", file.name, layer.name));
                }
            }
        }
    }
    none(faults);
}

#[test]
fn only_lsp_knows_the_protocol_and_front_ends_know_no_workflow() {
    let mut faults = Vec::new();
    for file in sources() {
        for (line, text) in file.code() {
            if file.layer() != "lsp" && (text.contains("lsp_types") || text.contains("tower_lsp")) {
                faults.push(format!("{}:{line}: protocol types belong to lsp", file.name));
            }
            let front_end = matches!(file.layer(), "lsp" | "engine") || file.name == "cli/run.rs";
            let names = ["\"write-tests\"", "\"write-pages\"", "\"write\"", "\"auto\""];
            // A tag of that name, not the workflow.
            let tag = text.contains("tags.get(\"write\")");
            if front_end && !tag && names.iter().any(|name| text.contains(name)) {
                faults.push(format!("{}:{line}: a workflow by name", file.name));
            }
        }
    }
    none(faults);
}

#[test]
fn files_say_what_they_are_and_stay_short() {
    let mut faults = Vec::new();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > if file.is_test() { MAX_TEST_LINES } else { MAX_LINES } {
            faults.push(format!("{}: {lines} lines", file.name));
        }
        if !file.text.starts_with("//!") && !file.is_test() {
            faults.push(format!("{}: no `//!` that says what it is", file.name));
        }
        let stem = file.name.rsplit('/').next().unwrap_or_default();
        if ["mod.rs", "utils.rs", "helpers.rs", "common.rs", "misc.rs"].contains(&stem) {
            faults.push(format!("{}: a name that says nothing", file.name));
        }
    }
    none(faults);
}

#[test]
fn nothing_panics_on_purpose() {
    let mut faults = Vec::new();
    for file in sources().into_iter().filter(|file| !file.is_test()) {
        for (line, text) in file.code() {
            if [".unwrap()", "todo!(", "unimplemented!(", "panic!(", "dbg!("].iter().any(|word| text.contains(word)) {
                faults.push(format!("{}:{line}: {}", file.name, text.trim()));
            }
        }
    }
    none(faults);
}

#[test]
fn each_dependency_says_why_it_is_there() {
    let manifest = read(&root().join("Cargo.toml"));
    let mut faults = Vec::new();
    let mut inside = false;
    let mut before = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.contains("dependencies");
        } else if inside && line.contains('=') && !line.contains('#') && !before.starts_with('#') {
            faults.push(format!("Cargo.toml: {line}"));
        }
        before = line;
    }
    none(faults);
}

/// Whether the crate's name stands there as a path's beginning.
fn uses(text: &str, name: &str) -> bool {
    let path = format!("{name}::");
    text.match_indices(&path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
    })
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

/// The crates that we depend on, as code names them.
fn dependencies() -> Vec<String> {
    let manifest: toml::Table = toml::from_str(&read(&root().join("Cargo.toml"))).expect("the manifest is TOML");
    let tables = ["dependencies", "dev-dependencies"].map(|name| manifest[name].as_table().expect("a table").clone());
    tables.into_iter().flatten().map(|(name, _)| name.replace('-', "_")).collect()
}

fn sources() -> Vec<SourceFile> {
    let src = root().join("src");
    let mut files = Vec::new();
    let mut folders = vec![src.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("src can be listed").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).expect("it lies below").to_string_lossy().replace('\\', "/");
                files.push(SourceFile { name, text: read(&path) });
            }
        }
    }
    assert!(files.len() > 50, "the sources are somewhere else");
    files
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("failed to read `{}`: {error}", path.display()))
}
