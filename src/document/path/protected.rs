//! Which names are protected, because programs act on what is in them. Tables; names only, the disk isn't asked.

use crate::document::{
    path::fold,
    reference::{VERSION_CONTROL, is_secret},
};

/// Why a change needs the user, and the names it holds for: lower case, separated by blanks, `*` stands for anything.
struct Rule {
    reason: &'static str,
    /// At any depth, as a folder or as a file.
    anywhere: &'static str,
    /// The last part of the path only.
    files: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        reason: "stepwright itself obeys it",
        anywhere: ".stepwright",
        files: ".stepwrightignore .aiignore .aiexclude .cursorignore",
    },
    Rule {
        reason: "version control or an editor obeys it",
        anywhere: ".vscode .vs .idea .fleet .zed .helix",
        files: "
            .gitattributes .gitmodules .gitconfig .hgrc .exrc .vimrc .nvimrc .nvim.lua .lvimrc .dir-locals.el
            .dir-locals-2.el *.code-workspace *.sublime-project",
    },
    Rule {
        reason: "AI agents obey it",
        anywhere: "
            .cursor .claude .codex .gemini .continue .aider* .windsurf .clinerules .roo .junie .kiro .amazonq
            .agents",
        files: "
            mcp.json .mcp.json agents.md agents.override.md claude.md claude.local.md gemini.md .cursorrules
            .windsurfrules .goosehints opencode.json",
    },
    Rule {
        reason: "it sets an environment or holds keys",
        anywhere: ".env* .ssh .aws .gnupg .kube",
        files: "
            .npmrc .netrc _netrc .pypirc .yarnrc .yarnrc.yml .pnpmfile.cjs .bashrc .bash_profile .profile .zshrc
            .zshenv .zprofile",
    },
    Rule {
        reason: "continuous integration runs it",
        anywhere: ".github .gitlab .circleci .buildkite .forgejo .gitea .woodpecker",
        files: "
            .gitlab-ci.yml .gitlab-ci.yaml jenkinsfile jenkinsfile.* .travis.yml .drone.yml .woodpecker.yml
            azure-pipelines.yml bitbucket-pipelines.yml appveyor.yml .appveyor.yml cloudbuild.yaml",
    },
    Rule {
        reason: "hooks run it",
        anywhere: ".husky .githooks .lefthook",
        files: "
            .pre-commit-config.yaml .pre-commit-config.yml .pre-commit-hooks.yaml lefthook.yml lefthook.yaml
            .lefthook.yml .lefthook.yaml lefthook-local.yml .lintstagedrc*",
    },
    Rule {
        reason: "building, installing or testing runs it",
        anywhere: ".cargo .gradle .devcontainer .mvn",
        files: "
            makefile makefile.* gnumakefile bsdmakefile *.mk justfile .justfile *.just taskfile.yml
            taskfile.yaml cmakelists.txt *.cmake cmakepresets.json meson.build build build.bazel workspace
            workspace.bazel module.bazel *.bzl configure configure.ac build.rs cargo.toml rust-toolchain
            rust-toolchain.toml go.mod go.sum go.work build.zig build.zig.zon package.swift podfile *.podspec
            fastfile package.json package-lock.json npm-shrinkwrap.json pnpm-lock.yaml pnpm-workspace.yaml
            bun.lockb deno.json deno.jsonc *.config.js *.config.ts *.config.mjs *.config.cjs *.config.mts
            *.config.cts *.config.jsx *.config.tsx .*rc.js .*rc.cjs .*rc.mjs .*rc.ts gruntfile.* gulpfile.*
            setup.py setup.cfg pyproject.toml conftest.py tox.ini noxfile.py pipfile sitecustomize.py
            usercustomize.py *.gradle* gradle.properties gradle-wrapper.properties pom.xml build.sbt build.sc
            project.clj *.csproj *.fsproj *.vbproj *.sln *.slnx directory.build.* directory.packages.props
            nuget.config gemfile *.gemspec rakefile composer.json mix.exs rebar.config setup.hs *.cabal
            stack.yaml flake.nix default.nix shell.nix dockerfile dockerfile.* *.dockerfile containerfile
            containerfile.* vagrantfile compose.yml compose.yaml compose.*.yml compose.*.yaml compose-*.yml
            compose-*.yaml docker-compose* podman-compose* *.lock",
    },
    Rule {
        reason: "systems run files of this kind",
        anywhere: "",
        files: "*.exe *.com *.bat *.cmd *.ps1 *.psm1 *.vbs *.wsf *.scr *.msi *.lnk *.reg *.desktop *.command",
    },
];

/// Why a path is never written, if so. `parts` are its parts below the root.
pub fn never(parts: &[&str]) -> Option<String> {
    let part = parts.iter().find(|part| VERSION_CONTROL.contains(&fold(part).as_str()))?;
    Some(format!("`{part}` holds version control's own data"))
}

/// Why a path is written only after the user agreed, if so. `parts` are its parts below the root.
pub fn ask(parts: &[&str]) -> Option<String> {
    let folded: Vec<String> = parts.iter().map(|part| fold(part)).collect();
    let last = parts.len().checked_sub(1)?;
    for rule in RULES {
        for (index, name) in folded.iter().enumerate() {
            let holds = |patterns: &str| patterns.split_whitespace().any(|pattern| matches(pattern, name));
            if holds(rule.anywhere) || (index == last && holds(rule.files)) {
                return Some(format!("`{}` is protected: {}", parts[index], rule.reason));
            }
        }
    }
    is_secret(parts).then(|| format!("`{}` is protected: it may hold keys", parts[last]))
}

/// Whether `name` is what `pattern` says; `*` stands for any characters, also none.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let mut ends_open = true;
    let mut pieces = pieces.peekable();
    if pieces.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            ends_open = rest.ends_with(piece);
        } else if let Some(at) = rest.find(piece) {
            rest = &rest[at + piece.len()..];
        } else {
            return false;
        }
    }
    ends_open
}
