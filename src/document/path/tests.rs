//! The write policy as a table.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::document::reference::normalize;

const ORDINARY: Target = Target::File { links: 1, executable: false, text: true };

fn roots(folders: &[&str]) -> Roots {
    Roots::new(folders.iter().map(PathBuf::from))
}

/// A disk on which no link is in the way; the first `depth` parts of the path exist.
fn facts(roots: &Roots, path: &str, depth: usize, target: Target) -> Facts {
    let (root, inside) = roots.split(path).unwrap_or_default();
    let Some(folder) = roots.folders().get(root) else { return Facts::default() };
    let parts = inside.split('/').filter(|part| !part.is_empty() && *part != ".");
    let ancestor = parts.take(depth).fold(folder.clone(), |ancestor, part| ancestor.join(part));
    let forbidden = vec![PathBuf::from("/w/state"), PathBuf::from("/home/u/.local/state/stepwright")];
    Facts { roots: roots.folders().to_vec(), forbidden, ancestor, depth, target, twin: None }
}

/// `allow`, `confirm` or `refuse: …` for a path, which must be the same whether it is absent or an ordinary file.
fn verdict(path: &str) -> String {
    let roots = roots(&["/w"]);
    let depth = path.split('/').filter(|part| !part.is_empty() && *part != ".").count();
    let absent = describe(&roots, &decide(&roots, path, &facts(&roots, path, 0, Target::Absent)));
    let existing = describe(&roots, &decide(&roots, path, &facts(&roots, path, depth, ORDINARY)));
    assert_eq!(absent, existing, "absent and existing differ: {path:?}");
    absent
}

fn describe(roots: &Roots, decision: &Decision) -> String {
    let inside = |path: &PathBuf| assert!(innermost(roots.folders(), path).is_some(), "{path:?} is in no root");
    match decision {
        Decision::Allow(path) => {
            inside(path);
            "allow".into()
        }
        Decision::Confirm(path, reason) => {
            inside(path);
            assert!(reason.contains("is protected: "), "{reason}");
            "confirm".into()
        }
        Decision::Refuse(reason) => format!("refuse: {reason}"),
    }
}

#[test]
fn ordinary_files_are_allowed() {
    let paths = "
        a.rs src/a.rs ./src/a.rs src//a.rs src/./a.rs deep/er/and/deeper/x.md README.md .gitignore .editorconfig
        src/git/mod.rs .gitkeep gitattributes docs/.keep a..b ...a a...b.txt ..a/b x/..a.md $id.tsx routes/$id.edit.tsx
        Outer$Inner.java routes/$user/index.tsx [id]/page.tsx (group)/page.tsx +page.svelte @types/x.d.ts 100%.md
        50%-done/x.md console.rs conf.rs auxiliary.rs com.rs src/main/java/com/x/A.java com10.rs null.rs lpt.rs nullable/x
        a~b.rs backup~ notes~1.markdown verylongname~1.rs 雪/雪.md été.md naïve.py ß.txt environment.ts env.rs src/env/mod.rs
        compose.rs ComposeActivity.kt composer.rs lockfile.rs lock/mod.rs package.rs packages/a/x.ts my.package.json.md
        makefile/notes.md config.ts src/config.js vite.config.json build/x.rs docker/x.txt key.rs credentials.rs
        tests/conftest.rs claude.rs agents/x.md cursor/x.ts ssh/x.md helix.rs vscode/x.ts github/x.rs circleci/x.rs";
    for path in paths.split_whitespace() {
        assert_eq!(verdict(path), "allow", "{path}");
    }
    assert_eq!(verdict("with space/a b.rs"), "allow");
}

#[test]
fn protected_files_need_a_confirmation() {
    let paths = "
        .gitattributes .gitmodules .vscode/settings.json .vscode .idea/x.xml .zed/settings.json .helix/config.toml .exrc
        .nvim.lua .dir-locals.el x.code-workspace sub/.vscode/tasks.json .VSCODE/settings.json .Idea/x sub/x.CODE-WORKSPACE
        .cursor/rules/x.mdc .claude/settings.json .codex/x .gemini/x .continue/x .aider.conf.yml .aider/x mcp.json .mcp.json
        AGENTS.md agents.md Claude.md CLAUDE.md sub/AGENTS.md docs/claude.MD .cursorrules GEMINI.md
        .env .env.local .env.example .ENV .Env.Production .envrc sub/.env config/.env.test .npmrc .netrc .ssh/config
        home/.ssh/authorized_keys .NPMRC server.pem tls/server.key id_rsa credentials.json
        .github/workflows/x.yml .github/CODEOWNERS .GitHub/x .gitlab-ci.yml .circleci/config.yml Jenkinsfile jenkinsfile
        sub/.github/x ci/Jenkinsfile .husky/pre-commit .pre-commit-config.yaml lefthook.yml LEFTHOOK.yml
        Makefile makefile MAKEFILE sub/Makefile justfile Justfile CMakeLists.txt sub/cmakelists.txt build.rs crates/a/build.rs
        Cargo.toml crates/a/cargo.toml .cargo/config.toml package.json packages/a/package.json PACKAGE.json Cargo.lock
        yarn.lock sub/poetry.lock package-lock.json pnpm-lock.yaml setup.py pyproject.toml conftest.py tests/conftest.py
        build.gradle build.gradle.kts settings.gradle app/build.gradle pom.xml mod/pom.xml Gemfile Rakefile composer.json
        mix.exs Package.swift go.mod Dockerfile sub/dockerfile Dockerfile.prod app.dockerfile compose.yml compose.yaml
        compose.override.yml docker-compose.yml docker-compose.prod.yaml flake.nix vite.config.js vite.config.ts
        packages/a/vite.CONFIG.ts jest.config.js tailwind.config.ts next.config.mjs .eslintrc.js
        .stepwright/config.toml .stepwright/workflows/x.toml .Stepwright/x .stepwrightignore .aiignore .cursorignore
        run.bat tools/x.ps1 setup.exe";
    for path in paths.split_whitespace() {
        assert_eq!(verdict(path), "confirm", "{path}");
    }
}

#[test]
fn what_leaves_or_deceives_is_refused() {
    for (reason, paths) in [
        ("it contains `..`", "../x ../../etc/passwd a/../../x a/.. .. ./../x a/../b src/../../w-evil/x ..//x"),
        ("it is absolute; paths are relative to the workspace", "/etc/passwd / //server/share/x /w/a.rs /w-evil/x"),
        ("it begins with `~`; paths are relative to the workspace", "~ ~/x ~root/x ~/.ssh/id_rsa ~$doc.docx"),
        (
            "it contains a variable, which isn't expanded",
            "$HOME/x $HOME ${HOME}/x a/${X}/b $(x) $(touch${IFS}x) a/$(id).txt `id` %TEMP%/x %USERPROFILE% a/%APPDATA%/b",
        ),
        (
            "it contains `:` (a drive, a URI or a hidden stream)",
            "C:foo C:/Windows/x c:\\x a.txt:stream .git::$INDEX_ALLOCATION/x file:///w/a.rs http://x/y untitled:a a:b $env:X",
        ),
        (
            "it contains a backslash; folders are separated by `/`",
            "..\\x a\\b \\\\server\\share \\\\?\\x ..\\..\\etc a/..\\b .git\\config",
        ),
        ("it names a folder", ". ./ src/ src/. ./. a//"),
    ] {
        for path in paths.split_whitespace() {
            assert_eq!(verdict(path), format!("refuse: {reason}"), "{path}");
        }
    }
    assert_eq!(verdict(""), "refuse: it names a folder");
}

#[test]
fn names_that_systems_read_differently_are_refused() {
    let holds = |paths: &str, reason: &str| {
        for path in paths.split('|') {
            let verdict = verdict(path);
            assert!(verdict.starts_with("refuse: ") && verdict.contains(reason), "{path:?}: {verdict}");
        }
    };
    holds(
        "CON|con|PRN|AUX|NUL|nul.txt|Nul.tar.gz|aux.rs|src/aux.c|aux/x|COM1|com9.log|LPT1|lpt3.txt|COM¹|com0|CONIN$|aux .c",
        "reserved on Windows",
    );
    holds("a.|a |a./b|a /b|.git.|.git |x.rs...|a\u{a0}|a/b .", "ends with a dot or a space");
    holds("GIT~1|git~2/config|PROGRA~1/x|NOTES~1.TXT|a/b~12.md|~1/x".trim_end_matches("|~1/x"), "short name");
    holds(
        "a\0b|a\nb|a\tb|\u{7f}x|\u{85}x|a\u{200b}b|a\u{200d}b|.g\u{200c}it/config|a\u{202e}txt.sh|a\u{2066}b|a\u{e0041}b\
         |\u{feff}a|a\u{ad}b|a\u{fe0f}b|\u{1b}[31m|a\u{3164}",
        "invisible character U+",
    );
    holds(&"a".repeat(256), "a name in it is too long");
    holds(&"abcdefg/".repeat(500), "too long");
}

#[test]
fn version_control_and_our_own_state_are_refused() {
    let paths = "
        .git .git/config .git/hooks/pre-commit .GIT/config .Git/HEAD sub/.git/config sub/.git a/b/.gIt/x .hg/hgrc .svn/x
        .jj/x .ſvn/x";
    for path in paths.split_whitespace() {
        let verdict = verdict(path);
        assert!(verdict.ends_with("holds version control's own data"), "{path}: {verdict}");
    }
    for path in ["state/history.db", "state/conversations/x.md"] {
        assert_eq!(verdict(path), "refuse: stepwright keeps its own data there");
    }
    assert_eq!(verdict("state-of-the-art.md"), "allow");
}

#[test]
fn what_the_disk_says_counts() {
    let one = roots(&["/w"]);
    let base = facts(&one, "src/a.rs", 2, ORDINARY);
    let at = |ancestor: &str, depth: usize, target: Target| Facts {
        ancestor: ancestor.into(),
        depth,
        target,
        ..base.clone()
    };
    let file = |links, executable, text| Target::File { links, executable, text };
    let leaves = "refuse: it leaves the workspace";
    for (facts, expected) in [
        (at("/w/src/a.rs", 2, ORDINARY), "allow"),
        (at("/w/other/b.rs", 2, ORDINARY), "allow"),
        (at("/w-evil/src/a.rs", 2, ORDINARY), leaves),
        (at("/w-evil", 1, Target::Absent), leaves),
        (at("/", 0, Target::Absent), leaves),
        (at("/etc/passwd", 2, ORDINARY), leaves),
        (at("", 0, Target::Absent), leaves),
        (at("/w/.git", 1, Target::Absent), "refuse: `.git` holds version control's own data"),
        (at("/w/.github/x.yml", 2, ORDINARY), "confirm"),
        (at("/w/package.json", 2, ORDINARY), "confirm"),
        (at("/home/u/.local/state/stepwright", 1, Target::Absent), leaves),
        (at("/w/state", 1, Target::Absent), "refuse: stepwright keeps its own data there"),
        (at("/w/src/a.rs", 2, Target::Folder), "refuse: it is a folder"),
        (at("/w/src/a.rs", 2, Target::Special), "refuse: it is a pipe, a device or a socket, not a file"),
        (at("/w/src", 1, Target::BrokenLink), "refuse: it is, or goes through, a link that leads nowhere"),
        (at("/w/src", 1, Target::UnderFile), "refuse: a part of it is a file, not a folder"),
        (at("/w/src", 1, Target::Unknown("no".into())), "refuse: the disk can't be asked about it: no"),
        (
            at("/w/src/a.rs", 2, file(2, false, true)),
            "refuse: it is a hard link: the same file also lives under another name",
        ),
        (at("/w/src/a.rs", 2, file(1, false, false)), "refuse: it isn't a text file"),
        (at("/w/src/a.rs", 9, ORDINARY), "allow"),
        (Facts::default(), leaves),
        (
            Facts { twin: Some("SRC".into()), ..base.clone() },
            "refuse: `SRC` exists, and many systems can't tell the two names apart",
        ),
    ] {
        assert_eq!(describe(&one, &decide(&one, "src/a.rs", &facts)), expected, "{facts:?}");
    }
    let executable = decide(&one, "src/a.rs", &at("/w/src/a.rs", 2, file(1, true, true)));
    assert_eq!(executable, Decision::Confirm("/w/src/a.rs".into(), "it is an executable file".into()));
    let create = |path| describe(&one, &decide(&one, path, &facts(&one, path, 0, Target::Absent)));
    let edit = |path| describe(&one, &decide(&one, path, &facts(&one, path, 1, ORDINARY)));
    assert_eq!(create("why?.md"), "refuse: `?` can't be part of a name on Windows");
    assert_eq!(edit("why?.md"), "allow", "what exists may be edited");
}

#[test]
fn with_several_roots_the_first_part_says_which() {
    let two = roots(&["/x/api", "/x/web"]);
    let ask = |path| decide(&two, path, &facts(&two, path, 0, Target::Absent));
    assert_eq!(ask("web/src/a.rs"), Decision::Allow("/x/web/src/a.rs".into()));
    assert_eq!(ask("api/src/a.rs"), Decision::Allow("/x/api/src/a.rs".into()));
    let unclear = "with several workspace folders a path begins with one of: api, web";
    assert_eq!(ask("src/a.rs"), Decision::Refuse(unclear.into()));
    assert_eq!(ask("web"), Decision::Refuse(unclear.into()));
    assert_eq!(ask("web/"), Decision::Refuse("it names a folder".into()));
    assert_eq!(ask("web/../api/x"), Decision::Refuse("it contains `..`".into()));
    let none = roots(&[]);
    assert_eq!(decide(&none, "a.rs", &Facts::default()), Decision::Refuse("no workspace folder is open".into()));
}

proptest! {
    #[test]
    fn any_path_gets_a_decision_inside_a_root(
        path in prop_oneof![any::<String>(), "[a.~$ /:\\\\]{0,12}", "(\\.\\./|[a-c]{1,2}/|\\./|/){0,6}[a-z.]{0,5}"],
        ancestor in "(/w|/w-evil|/x|)(/[a-c.]{1,3}){0,3}",
        depth in 0usize..5,
        several in any::<bool>(),
    ) {
        let roots = if several { roots(&["/w", "/x"]) } else { roots(&["/w"]) };
        let real = normalize(&PathBuf::from(ancestor));
        for target in [Target::Absent, ORDINARY, Target::Folder] {
            let facts = Facts { roots: roots.folders().to_vec(), ancestor: real.clone(), depth, target, ..Facts::default() };
            if let Decision::Allow(path) | Decision::Confirm(path, _) = decide(&roots, &path, &facts) {
                prop_assert!(roots.folders().iter().any(|root| path.starts_with(root) && path != *root));
                prop_assert!(!path.components().any(|part| part == std::path::Component::ParentDir));
            }
        }
    }
}
