//! Rule files on a real disk.

use super::*;

/// A workspace `w` in a temporary folder, made of `path: content` pairs; a path that ends with `/` is a folder.
fn workspace(entries: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("w")).unwrap();
    for (path, content) in entries {
        let path = folder.path().join(path);
        match path.to_string_lossy().ends_with('/') {
            true => fs::create_dir_all(&path).unwrap(),
            false => {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, content).unwrap();
            }
        }
    }
    folder
}

/// `sent`, `ignored`, `secret` or `blocked` for files of the workspace.
fn check(entries: &[(&str, &[u8])], extra: &[&str], expected: &[(&str, &str)]) {
    let folder = workspace(entries);
    let roots = Roots::new([folder.path().join("w")]);
    let extra: Vec<String> = extra.iter().map(|rule| rule.to_string()).collect();
    let ignore = Ignore::new(&roots, &extra);
    for (path, expected) in expected {
        let verdict = ignore.verdict(&folder.path().join("w").join(path));
        let found = match verdict {
            Verdict::Sent => "sent",
            Verdict::Ignored { .. } => "ignored",
            Verdict::Secret { .. } => "secret",
            Verdict::Blocked { .. } => "blocked",
        };
        assert_eq!(found, *expected, "{path}: {verdict:?}");
    }
}

#[test]
fn without_rules_all_but_secrets_is_sent() {
    check(&[], &[], &[("a.rs", "sent"), ("target/a.rs", "sent"), (".env", "secret"), ("x/id_rsa", "secret")]);
}

#[test]
fn every_kind_of_rule_file_counts_at_every_level() {
    for name in RULE_FILES {
        let (top, sub) = (format!("w/{name}"), format!("w/sub/{name}"));
        check(
            &[(&top, b"*.log\n/only-top\n\n# comment\nbuild/\n"), (&sub, b"local.txt\r\n")],
            &[],
            &[
                ("a.log", "ignored"),
                ("sub/deep/a.log", "ignored"),
                ("only-top", "ignored"),
                ("sub/only-top", "sent"),
                ("build/x.rs", "ignored"),
                ("sub/build/deep/x.rs", "ignored"),
                ("build", "sent"),
                ("local.txt", "sent"),
                ("sub/local.txt", "ignored"),
                ("sub/deep/local.txt", "ignored"),
                ("a.rs", "sent"),
            ],
        );
    }
}

#[test]
fn negations_take_back_what_git_takes_back() {
    check(
        &[
            ("w/.gitignore", b"*.txt\n!keep.txt\n/out/*\n!/out/index.md\n/gone/\n!/gone/x.md\n"),
            ("w/sub/.gitignore", b"!*.txt\nsecret.txt\n"),
            ("w/sub/deep/.gitignore", b"!secret.txt\n"),
            ("w/gone/.gitignore", b"!x.md\n"),
        ],
        &[],
        &[
            ("a.txt", "ignored"),
            ("keep.txt", "sent"),
            ("x/keep.txt", "sent"),
            ("out/a.md", "ignored"),
            ("out/index.md", "sent"),
            ("gone/x.md", "ignored"),
            ("sub/a.txt", "sent"),
            ("sub/secret.txt", "ignored"),
            ("sub/deep/secret.txt", "sent"),
        ],
    );
}

#[test]
fn one_kind_of_rule_file_cant_send_what_another_forbids() {
    check(
        &[
            ("w/.gitignore", b"*.gen\n"),
            ("w/.stepwrightignore", b"!*.gen\nprivate/\n"),
            ("w/.aiignore", b"!private/\n"),
        ],
        &["docs/draft-*", "!docs/draft-final.md"],
        &[
            ("a.gen", "ignored"),
            ("private/a.rs", "ignored"),
            ("docs/draft-1.md", "ignored"),
            ("docs/draft-final.md", "sent"),
            ("docs/x.md", "sent"),
        ],
    );
}

#[test]
fn secrets_stay_secret_whatever_the_rules_say() {
    check(
        &[("w/.gitignore", b"!.env\n!*.pem\n")],
        &["!.env"],
        &[(".env", "secret"), ("tls/x.pem", "secret"), (".env.example", "sent"), (".ssh/config", "secret")],
    );
}

#[test]
fn rules_that_cant_be_read_block() {
    let broken: [(&str, &[u8]); 4] = [
        ("w/sub/.gitignore/", b""),
        ("w/sub/.aiignore", b"a\xff\xfe\n"),
        ("w/sub/.stepwrightignore", b"fine\n[z-a]\n"),
        ("w/sub/.cursorignore", b"{a,b\n"),
    ];
    for entry in broken {
        let expected = [
            ("a.rs", "sent"),
            ("sub/a.rs", "blocked"),
            ("sub/deep/a.rs", "blocked"),
            ("sub/.env", "blocked"),
            ("subway/a.rs", "sent"),
        ];
        check(&[entry], &[], &expected);
    }
    check(&[("w/.aiexclude", &vec![b'#'; MAX_RULE_FILE_BYTES as usize + 1])], &[], &[("a.rs", "blocked")]);
    check(&[], &["fine", "[z-a]"], &[("a.rs", "blocked"), ("deep/a.rs", "blocked")]);
}

#[cfg(unix)]
#[test]
fn links_and_pipes_as_rule_files() {
    use std::os::unix::fs::symlink;
    let folder = workspace(&[("rules", b"*.log\n"), ("w/linked/", b""), ("w/dangling/", b""), ("w/piped/", b"")]);
    let at = |path: &str| folder.path().join(path);
    symlink(at("rules"), at("w/linked/.gitignore")).unwrap();
    symlink(at("nowhere"), at("w/dangling/.gitignore")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(at("w/piped/.gitignore")).status().unwrap().success());
    let ignore = Ignore::new(&Roots::new([at("w")]), &[]);
    assert!(matches!(ignore.verdict(&at("w/linked/a.log")), Verdict::Ignored { .. }));
    assert!(matches!(ignore.verdict(&at("w/dangling/a.rs")), Verdict::Blocked { .. }));
    assert!(matches!(ignore.verdict(&at("w/piped/a.rs")), Verdict::Blocked { .. }));
}

#[test]
fn rules_of_the_repository_above_a_root_hold_in_it() {
    let entries: &[(&str, &[u8])] =
        &[(".git/HEAD", b""), (".gitignore", b"*.log\n/w/private/\n/v/\n"), ("w/a.rs", b""), ("v/a.rs", b"")];
    check(entries, &[], &[("a.log", "ignored"), ("private/a.rs", "ignored"), ("a.rs", "sent")]);
    // An ignored folder that was opened as a workspace is meant to be worked in.
    let folder = workspace(entries);
    let roots = Roots::new([folder.path().join("v")]);
    assert_eq!(Ignore::new(&roots, &[]).verdict(&folder.path().join("v/a.rs")), Verdict::Sent);
    // Without a repository, what lies above counts for nothing.
    let folder = workspace(&[(".gitignore", b"*\n"), ("w/a.rs", b"")]);
    let roots = Roots::new([folder.path().join("w")]);
    assert_eq!(Ignore::new(&roots, &[]).verdict(&folder.path().join("w/a.rs")), Verdict::Sent);
}

#[test]
fn files_outside_every_root_obey_their_own_folder() {
    let folder = workspace(&[("out/.gitignore", b"*.log\n"), ("out/bad/.aiignore/", b"")]);
    let ignore = Ignore::new(&Roots::new([folder.path().join("w")]), &["*.rs".into()]);
    assert_eq!(ignore.verdict(&folder.path().join("out/a.rs")), Verdict::Sent);
    assert!(matches!(ignore.verdict(&folder.path().join("out/a.log")), Verdict::Ignored { .. }));
    assert!(matches!(ignore.verdict(&folder.path().join("out/bad/a.rs")), Verdict::Blocked { .. }));
    assert!(matches!(ignore.verdict(&folder.path().join("out/.env")), Verdict::Secret { .. }));
}

#[test]
fn reasons_name_the_rule_and_its_file() {
    let folder =
        workspace(&[("w/.gitignore", b"/dist/\n"), ("w/sub/.aiignore/", b""), ("w/bad/.aiignore", b"[z-a]\n")]);
    let ignore = Ignore::new(&Roots::new([folder.path().join("w")]), &["*.tmp".into()]);
    let reason = |path: &str| {
        let reason = ignore.verdict(&folder.path().join("w").join(path)).reason().unwrap();
        reason.replace(&folder.path().display().to_string(), "")
    };
    assert_eq!(reason("dist/x.js"), "the rule `/dist/` in /w/.gitignore");
    assert_eq!(reason("x.tmp"), "the rule `*.tmp` in the settings");
    assert_eq!(reason("sub/x"), "failed to read `/w/sub/.aiignore`: it is a folder");
    assert!(reason("bad/x").starts_with("failed to understand the ignore rule `[z-a]` in `/w/bad/.aiignore`: "));
    assert_eq!(reason(".env"), "`.env` may hold keys");
}
