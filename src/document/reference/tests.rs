//! References resolved on a real disk.

use std::{cell::Cell, fs};

use super::*;

/// Two workspaces with a bit of everything.
struct Disk {
    folder: tempfile::TempDir,
    roots: Vec<&'static str>,
}

impl Disk {
    fn new(roots: &[&'static str]) -> Disk {
        let disk = Disk { folder: tempfile::tempdir().unwrap(), roots: roots.to_vec() };
        let files = "
            w/README.md w/src/lib.rs w/src/store.rs w/src/store/disk.rs w/src/store/memory.rs w/src/[id].tsx w/docs/a.md
            w/docs/b.txt w/notes:x.md w/.github/workflows/ci.yml w/.git/config w/.hg/hgrc w/target/debug/x.rs w/.env
            w/server.pem w/.env.example w/雪/雪.md v/src/lib.rs v/src/only.rs w-evil/x.rs outside/y.rs w/empty.rs";
        for path in files.split_whitespace() {
            disk.write(path, b"text\n");
        }
        disk.write("w/.gitignore", b"/target/\n*.bak\n");
        disk.write("w/old.bak", b"text\n");
        disk.write("w/logo.png", b"\x89PNG\0\0");
        disk.write("w/empty.rs", b"");
        disk
    }

    fn write(&self, path: &str, content: &[u8]) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// The names of the files, or the error, with the temporary folder written as `TMP`.
    fn resolve(&self, references: &[&str]) -> String {
        let tmp = self.folder.path().display().to_string();
        let roots = Roots::new(self.roots.iter().map(|root| self.at(root)));
        let references: Vec<String> = references.iter().map(|text| text.replace("TMP", &tmp)).collect();
        let open = |path: &Path| path == self.at("w/src/unsaved.rs");
        let found = resolve(&roots, &references, &open, &Ignore::new(&roots, &[]));
        let text = match found {
            Ok(files) => files.iter().map(|file| file.name.clone()).collect::<Vec<_>>().join(" "),
            Err(error) => format!("error: {error}"),
        };
        text.replace(&tmp, "TMP")
    }
}

#[test]
fn paths_and_uris() {
    let disk = Disk::new(&["w"]);
    for (reference, expected) in [
        ("README.md", "README.md"),
        ("./src/../src/lib.rs", "src/lib.rs"),
        ("TMP/w/src/lib.rs", "src/lib.rs"),
        ("file://TMP/w/src/lib.rs", "src/lib.rs"),
        ("file://TMP/w/%E9%9B%AA/雪.md", "雪/雪.md"),
        ("TMP/outside/y.rs", "TMP/outside/y.rs"),
        ("../outside/y.rs", "TMP/outside/y.rs"),
        ("untitled:Untitled-1", "untitled:Untitled-1"),
        ("src/[id].tsx", "src/[id].tsx"),
        ("notes:x.md", "notes:x.md"),
        ("src/unsaved.rs", "src/unsaved.rs"),
        ("file://TMP/w/src/unsaved.rs", "src/unsaved.rs"),
        (".env", ".env"),
        ("target/debug/x.rs", "target/debug/x.rs"),
        (".git/config", ".git/config"),
        ("logo.png", "logo.png"),
        ("src", "error: failed to use `src`: it is a folder; name its files with a glob such as `src/**/*`"),
        (".", "error: failed to use `.`: it is a folder; name its files with a glob such as `**/*`"),
        ("src/stroe.rs", "error: failed to find `src/stroe.rs`: no such file; did you mean `src/store.rs`?"),
        ("memory.rs", "error: failed to find `memory.rs`: no such file; did you mean `src/store/memory.rs`?"),
        ("readme", "error: failed to find `readme`: no such file; did you mean `README.md`?"),
        ("qqqqqqqqqqqqqq", "error: failed to find `qqqqqqqqqqqqqq`: no such file"),
        (".envv", "error: failed to find `.envv`: no such file"),
        ("", "error: failed to find ``: no such file"),
        ("a\0b", "error: failed to find `a\0b`: no such file"),
        (
            "file://TMP/w/src/lib.rss",
            "error: failed to find `file://TMP/w/src/lib.rss`: no such file; did you mean `src/lib.rs`?",
        ),
        ("git:x", "error: failed to use `git:x`: only files and unsaved buffers can be used, not `git:`"),
    ] {
        assert_eq!(disk.resolve(&[reference]), expected, "{reference}");
    }
}

#[test]
fn globs() {
    let disk = Disk::new(&["w"]);
    for (glob, expected) in [
        ("src/*.rs", "src/lib.rs src/store.rs"),
        ("src/**/*.rs", "src/lib.rs src/store.rs src/store/disk.rs src/store/memory.rs"),
        ("**/disk.rs", "src/store/disk.rs"),
        ("TMP/w/src/l*.rs", "src/lib.rs"),
        ("./docs/*", "docs/a.md docs/b.txt"),
        ("docs/*.{md,txt}", "docs/a.md docs/b.txt"),
        ("{docs,src}/[al]*.*", "docs/a.md src/lib.rs"),
        ("docs/?.md", "docs/a.md"),
        ("src/store/*", "src/store/disk.rs src/store/memory.rs"),
        ("雪/*", "雪/雪.md"),
        ("empty.*", "empty.rs"),
        (
            "**/*",
            ".env.example .github/workflows/ci.yml .gitignore README.md docs/a.md docs/b.txt empty.rs notes:x.md src/[id].tsx \
             src/lib.rs src/store.rs src/store/disk.rs src/store/memory.rs 雪/雪.md",
        ),
        ("*.zig", "error: failed to expand `*.zig`: no file matches"),
        ("nowhere/*.rs", "error: failed to expand `nowhere/*.rs`: no file matches"),
        (
            "*.bak",
            "error: failed to expand `*.bak`: no file matches but one that is left out: the rule `*.bak` in \
             TMP/w/.gitignore; name it without a glob to send it",
        ),
        (
            "{.env,*.pem}",
            "error: failed to expand `{.env,*.pem}`: no file matches but 2 that are left out, the first because: `.env` \
             may hold keys; name them without a glob to send them",
        ),
        (
            "*.png",
            "error: failed to expand `*.png`: no file matches but one that is left out: it isn't a text file; name it \
             without a glob to send it",
        ),
        (
            "target/**",
            "error: failed to expand `target/**`: no file matches, because the folder is left out: the rule `/target/` \
             in TMP/w/.gitignore",
        ),
        (
            ".git/*",
            "error: failed to expand `.git/*`: no file matches, because the folder is left out: it holds version \
             control's own data",
        ),
        ("../*/x.rs", "error: failed to expand `../*/x.rs`: globs stay inside the workspace folders"),
        ("/dev/*", "error: failed to expand `/dev/*`: globs stay inside the workspace folders"),
        ("TMP/w-evil/*", "error: failed to expand `TMP/w-evil/*`: globs stay inside the workspace folders"),
        (
            "*/../../outside/*",
            "error: failed to understand the glob `*/../../outside/*`: `..` can only stand at its start",
        ),
    ] {
        assert_eq!(disk.resolve(&[glob]), expected, "{glob}");
    }
    for bad in ["src/[z-a].rs", "src/{a,b", "src/[a"] {
        let error = disk.resolve(&[bad]);
        assert!(error.starts_with(&format!("error: failed to understand the glob `{bad}`: ")), "{error}");
    }
}

#[test]
fn each_file_once_in_the_users_order() {
    let disk = Disk::new(&["w"]);
    assert_eq!(disk.resolve(&[]), "");
    let references = ["src/store.rs", "docs/*.md", "src/*.rs", "TMP/w/README.md", "./README.md"];
    assert_eq!(disk.resolve(&references), "src/store.rs docs/a.md src/lib.rs README.md");
    assert_eq!(
        disk.resolve(&["README.md", "qqqqqqqqqqqq"]),
        "error: failed to find `qqqqqqqqqqqq`: no such file",
        "one wrong reference spoils all: nothing is left out in silence"
    );
}

#[test]
fn several_roots() {
    let disk = Disk::new(&["w", "v"]);
    for (reference, expected) in [
        ("w/src/lib.rs", "w/src/lib.rs"),
        ("v/src/lib.rs", "v/src/lib.rs"),
        ("src/only.rs", "v/src/only.rs"),
        ("README.md", "w/README.md"),
        (
            "src/lib.rs",
            "error: failed to use `src/lib.rs`: it is in several workspace folders; say which: `v/src/lib.rs`, `w/src/lib.rs`",
        ),
        ("v/src/*.rs", "v/src/lib.rs v/src/only.rs"),
        ("v/*/only.rs", "v/src/only.rs"),
        ("src/l*.rs", "v/src/lib.rs w/src/lib.rs"),
        ("**/only.rs", "v/src/only.rs"),
        ("v", "error: failed to find `v`: no such file"),
        ("v/src", "error: failed to use `v/src`: it is a folder; name its files with a glob such as `v/src/**/*`"),
        ("v/src/onyl.rs", "error: failed to find `v/src/onyl.rs`: no such file; did you mean `v/src/only.rs`?"),
    ] {
        assert_eq!(disk.resolve(&[reference]), expected, "{reference}");
    }
}

#[cfg(unix)]
#[test]
fn links_pipes_and_devices() {
    use std::os::unix::fs::symlink;
    let disk = Disk::new(&["w"]);
    symlink(disk.at("outside"), disk.at("w/docs/out")).unwrap();
    symlink(disk.at("outside/y.rs"), disk.at("w/docs/y.md")).unwrap();
    symlink("/dev/zero", disk.at("w/docs/zero.md")).unwrap();
    symlink(disk.at("w/docs"), disk.at("w/docs/loop")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(disk.at("w/docs/pipe.md")).status().unwrap().success());
    for (reference, expected) in [
        ("docs/**/*", "docs/a.md docs/b.txt"),
        ("docs/*.md", "docs/a.md"),
        ("docs/y.md", "docs/y.md"),
        (
            "docs/out/*",
            "error: failed to expand `docs/out/*`: no file matches, because the folder is left out: links aren't followed",
        ),
        ("docs/pipe.md", "error: failed to use `docs/pipe.md`: it is a pipe, a device or a socket, not a file"),
        ("docs/zero.md", "error: failed to use `docs/zero.md`: it is a pipe, a device or a socket, not a file"),
        ("/dev/zero", "error: failed to use `/dev/zero`: it is a pipe, a device or a socket, not a file"),
    ] {
        assert_eq!(disk.resolve(&[reference]), expected, "{reference}");
    }
}

#[test]
fn a_blocked_folder_says_why() {
    let disk = Disk::new(&["w"]);
    disk.write("w/docs/.aiignore", b"\xff");
    let error = disk.resolve(&["docs/*.md"]);
    let expected = "error: failed to expand `docs/*.md`: no file matches but one that is left out: failed to read \
                    `TMP/w/docs/.aiignore`: it isn't UTF-8; name it without a glob to send it";
    assert_eq!(error, expected);
    assert_eq!(disk.resolve(&["docs/a.md"]), "docs/a.md", "the user's word overrides every rule");
}

#[test]
fn at_most_a_thousand_files_a_glob() {
    let disk = Disk::new(&["w"]);
    for number in 0..MAX_GLOB_FILES {
        disk.write(&format!("w/many/{number:04}.txt"), b"x");
    }
    assert_eq!(disk.resolve(&["many/*"]).split(' ').count(), MAX_GLOB_FILES);
    disk.write("w/many/last.txt", b"x");
    let expected = "error: failed to expand `many/*`: it stands for more than 1000 files; use a narrower one";
    assert_eq!(disk.resolve(&["many/*"]), expected);
    assert_eq!(disk.resolve(&["docs/*.md", "many/*"]), expected);
}

#[test]
fn a_walk_gives_up_at_its_limit() {
    let disk = Disk::new(&["w"]);
    let roots = Roots::new([disk.at("w")]);
    let seen = Cell::new(0);
    let mut visit = |_: &Path, _| {
        seen.set(seen.get() + 1);
        true
    };
    assert!(!glob::walk(&disk.at("w"), &Ignore::new(&roots, &[]), 3, &mut visit));
    assert_eq!(seen.get(), 0);
    assert!(glob::walk(&disk.at("w"), &Ignore::new(&roots, &[]), 1000, &mut visit));
}
