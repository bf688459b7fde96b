//! The corpus of the fuzzing programs, once through the same functions. `cargo +nightly fuzz run TARGET` goes on from there.

use std::{
    fs,
    path::{Path, PathBuf},
};

#[path = "../../fuzz/targets.rs"]
mod targets;

/// Inputs that each target has at least.
const LEAST: usize = 8;
/// Inputs made of the lines of others, for each target.
const MIXES: u64 = 300;
/// Lines of such an input at most.
const MIXED_LINES: u64 = 30;

#[test]
fn the_corpus_breaks_nothing() {
    for (name, target) in targets::ALL {
        let files = files(&folder().join("corpus").join(name));
        assert!(files.len() >= LEAST, "{name} has a corpus");
        for file in files {
            let data = fs::read(&file).expect("a file of the corpus");
            // What a fuzzer tries first: the input, cut off, and without its beginning.
            for at in (0..data.len()).step_by(data.len() / 50 + 1) {
                target(&data[..at]);
                target(&data[at..]);
            }
            target(&data);
        }
    }
}

#[test]
fn its_lines_break_nothing_in_any_order() {
    for (name, target) in targets::ALL {
        let read = |file| fs::read(file).expect("a file of the corpus");
        let corpus: Vec<u8> =
            files(&folder().join("corpus").join(name)).iter().map(read).collect::<Vec<_>>().join(&b'\n');
        let lines: Vec<&[u8]> = corpus.split(|byte| *byte == b'\n').collect();
        // The same order in every run: xorshift, with its authors' seed and shifts.
        let mut random = 88_172_645_463_325_252_u64;
        let mut below = |most: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % most
        };
        for _ in 0..MIXES {
            let mut input = Vec::new();
            for _ in 0..below(MIXED_LINES) {
                // Some stay together, so that more than the first step of a parser is reached.
                let at = below(lines.len() as u64) as usize;
                let count = 1 + below(4) as usize;
                lines[at..].iter().take(count).for_each(|line| input.extend([line, &b"\n"[..]].concat()));
            }
            target(&input);
        }
    }
}

#[test]
fn every_target_has_a_program() {
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).expect("the manifest");
    let programs: Vec<_> = files(&folder().join("fuzz_targets"));
    assert_eq!(programs.len(), targets::ALL.len());
    for (name, _) in targets::ALL {
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(programs.iter().any(|file| file.file_stem().is_some_and(|stem| stem == name)), "{name}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).expect("the folder").flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}
