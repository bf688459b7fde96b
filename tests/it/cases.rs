//! Workflows as data: each case of `tests/cases` runs on the command line and through each editor, and all must say the same.
//!
//! `UPDATE_EXPECT=1` rewrites what the cases expect.

use std::{fs, path::PathBuf};

mod format;
mod run;
mod told;

use format::{Case, Suite};

/// One test an area, so that areas run side by side.
macro_rules! areas {
    ($($area:ident),* $(,)?) => {
        const AREAS: &[&str] = &[$(stringify!($area)),*];

        $(#[test]
        fn $area() {
            check(stringify!($area));
        })*
    };
}

areas!(answers, auto, chat, faults, own, refusals, write, write_pages, write_tests);

#[test]
fn every_area_is_tested() {
    let files = fs::read_dir(folder()).expect("the folder of cases").flatten();
    let mut stems: Vec<_> = files.filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned())).collect();
    stems.sort();
    assert_eq!(stems, AREAS);
}

fn check(area: &str) {
    let path = folder().join(format!("{area}.txt"));
    let text = fs::read_to_string(&path).expect("the area's cases");
    let mut suite = Suite::parse(&text);
    let mut faults = Vec::new();
    for case in &mut suite.cases {
        faults.extend(play(case));
    }
    let shown = suite.render();
    if shown == text {
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
        return;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, shown).expect("the folder of cases is writable");
        assert!(faults.is_empty(), "\n{}", faults.join("\n"));
        return;
    }
    expect_test::expect_file![&path].assert_eq(&shown);
}

/// Plays a case everywhere, and puts what was seen in place of what was expected. Returns where they differ.
fn play(case: &mut Case) -> Vec<String> {
    let headless = run::headless(case);
    let mut faults = Vec::new();
    for (profile, seen) in run::in_editors(case) {
        for (number, (ours, theirs)) in headless.iter().zip(&seen).enumerate() {
            if ours != theirs {
                faults.push(format!(
                    "`{}`, run {}: in {profile:?}\n{theirs}\n--- but on the command line\n{ours}",
                    case.title,
                    number + 1
                ));
            }
        }
    }
    case.set_expected(headless);
    faults
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases")
}
