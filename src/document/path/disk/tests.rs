//! The write policy on a real disk.

use proptest::prelude::*;

use super::*;

/// A workspace in a temporary folder, and the verdict on paths in it.
struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    fn new() -> Disk {
        let disk = Disk { folder: tempfile::tempdir().unwrap() };
        for path in ["w/src/a.rs", "w-evil/secret.txt", "outside/x.txt", "w/.git/config", "w/package.json"] {
            disk.write(path);
        }
        disk
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), "text\n").unwrap();
    }

    fn decide(&self, path: &str) -> Decision {
        check(&Roots::new([self.at("w")]), &[self.at("w/state")], path)
    }

    /// The decision with paths relative to the temporary folder.
    fn verdict(&self, path: &str) -> String {
        let inside = |path: PathBuf| path.strip_prefix(self.folder.path()).unwrap().display().to_string();
        match self.decide(path) {
            Decision::Allow(path) => format!("allow {}", inside(path)),
            Decision::Confirm(path, reason) => format!("confirm {}: {reason}", inside(path)),
            Decision::Refuse(reason) => format!("refuse: {reason}"),
        }
    }
}

#[test]
fn plain_files_on_a_real_disk() {
    let disk = Disk::new();
    fs::write(disk.at("w/logo.png"), b"\x89PNG\0\0").unwrap();
    for (path, expected) in [
        ("src/a.rs", "allow w/src/a.rs"),
        ("src/new.rs", "allow w/src/new.rs"),
        ("new/deep/er.rs", "allow w/new/deep/er.rs"),
        (
            "package.json",
            "confirm w/package.json: `package.json` is protected: building, installing or testing runs it",
        ),
        (".git/config", "refuse: `.git` holds version control's own data"),
        ("src", "refuse: it is a folder"),
        ("src/a.rs/x", "refuse: a part of it is a file, not a folder"),
        ("logo.png", "refuse: it isn't a text file"),
        ("../w-evil/secret.txt", "refuse: it contains `..`"),
        ("state/history.db", "refuse: stepwright keeps its own data there"),
    ] {
        assert_eq!(disk.verdict(path), expected, "{path}");
    }
}

#[test]
fn twins_by_case_or_normal_form_are_refused() {
    let disk = Disk::new();
    disk.write("w/README.md");
    disk.write("w/Docs/x.md");
    disk.write("w/caf\u{e9}/x.md");
    for (path, twin) in [
        ("readme.md", "README.md"),
        ("docs/y.md", "Docs"),
        ("DOCS/x.md", "Docs"),
        ("cafe\u{301}/x.md", "caf\u{e9}"),
        ("cafe\u{301}", "caf\u{e9}"),
        ("SRC/a.rs", "src"),
        ("src/A.RS", "a.rs"),
        ("ſrc/a.rs", "src"),
    ] {
        let expected = format!("refuse: `{twin}` exists, and many systems can't tell the two names apart");
        assert_eq!(disk.verdict(path), expected, "{path}");
    }
    assert_eq!(disk.verdict("README.md"), "allow w/README.md");
    assert_eq!(disk.verdict("Docs/y.md"), "allow w/Docs/y.md");
}

#[cfg(unix)]
#[test]
fn links_on_a_real_disk() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let disk = Disk::new();
    let link = |target: &str, name: &str| symlink(disk.at(target), disk.at(name)).unwrap();
    link("outside", "w/out");
    link("outside/x.txt", "w/out.txt");
    link("w-evil", "w/evil");
    link("w/src", "w/source");
    link("w/src/a.rs", "w/b.rs");
    link("w/.git", "w/notes");
    link("w/package.json", "w/innocent.txt");
    link("nowhere", "w/dangling");
    link("w/loop", "w/loop");
    link("outside/new.txt", "w/fresh.txt");
    symlink("..", disk.at("w/up")).unwrap();
    fs::hard_link(disk.at("outside/x.txt"), disk.at("w/hard.txt")).unwrap();
    disk.write("w/run.sh");
    fs::set_permissions(disk.at("w/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(disk.at("w/pipe")).status().unwrap().success());

    let leaves = "refuse: it leaves the workspace";
    let nowhere = "refuse: it is, or goes through, a link that leads nowhere";
    for (path, expected) in [
        ("out/x.txt", leaves),
        ("out/new.txt", leaves),
        ("out.txt", leaves),
        ("evil/secret.txt", leaves),
        ("up/w-evil/secret.txt", leaves),
        ("up/w/src/a.rs", "allow w/src/a.rs"),
        ("source/a.rs", "allow w/src/a.rs"),
        ("source/new/x.rs", "allow w/src/new/x.rs"),
        ("b.rs", "allow w/src/a.rs"),
        ("notes/config", "refuse: `.git` holds version control's own data"),
        ("notes/hooks/pre-commit", "refuse: `.git` holds version control's own data"),
        (
            "innocent.txt",
            "confirm w/package.json: `package.json` is protected: building, installing or testing runs it",
        ),
        ("dangling", nowhere),
        ("dangling/x", nowhere),
        ("fresh.txt", nowhere),
        ("loop", nowhere),
        ("loop/x", nowhere),
        ("hard.txt", "refuse: it is a hard link: the same file also lives under another name"),
        ("run.sh", "confirm w/run.sh: it is an executable file"),
        ("pipe", "refuse: it is a pipe, a device or a socket, not a file"),
        ("pipe/x", "refuse: a part of it is a file, not a folder"),
    ] {
        assert_eq!(disk.verdict(path), expected, "{path}");
    }

    // A folder that is swapped for a link is noticed when asked again.
    assert_eq!(disk.verdict("src/a.rs"), "allow w/src/a.rs");
    fs::rename(disk.at("w/src"), disk.at("w/moved")).unwrap();
    link("outside", "w/src");
    assert_eq!(disk.verdict("src/x.txt"), leaves);
}

#[cfg(unix)]
#[test]
fn a_root_that_is_a_link_keeps_its_name() {
    let disk = Disk::new();
    std::os::unix::fs::symlink(disk.at("w"), disk.at("alias")).unwrap();
    let roots = Roots::new([disk.at("alias")]);
    assert_eq!(check(&roots, &[], "src/a.rs"), Decision::Allow(disk.at("alias/src/a.rs")));
    let real_state = [disk.at("w/src")];
    let refused = Decision::Refuse("stepwright keeps its own data there".into());
    assert_eq!(check(&roots, &real_state, "src/a.rs"), refused);
}

proptest! {
    #[test]
    fn any_path_survives_a_real_disk(path in any::<String>()) {
        let folder = tempfile::tempdir().unwrap();
        let roots = Roots::new([folder.path().to_path_buf()]);
        if let Decision::Allow(path) | Decision::Confirm(path, _) = check(&roots, &[], &path) {
            prop_assert!(path.starts_with(folder.path()));
        }
    }
}
