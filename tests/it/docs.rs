//! Every sample in the README, and of configuration elsewhere, works as it stands there.

use std::{fs, path::PathBuf};

use stepwright::config::{self, Sources};

fn readme() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("there is a README")
}

/// The fenced blocks of a language in the README.
fn blocks(language: &str) -> Vec<String> {
    blocks_in(&readme(), language)
}

fn blocks_in(text: &str, language: &str) -> Vec<String> {
    let opening = format!("```{language}\n");
    text.split(&opening).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn configurations_are_right() {
    let walkthrough = include_str!("../../editors/vscode/walkthrough/model.md");
    let samples = [blocks("toml"), blocks_in(walkthrough, "toml")].concat();
    assert_eq!(samples.len(), 6);
    for sample in samples {
        let user = Some((PathBuf::from("/home/me/.config/stepwright/config.toml"), sample.clone()));
        let loaded = config::load(&Sources { user, editor: None, workspace: None });
        assert_eq!(loaded.problems, [], "{sample}");
    }
}

#[test]
fn command_lines_are_understood() {
    let lines: Vec<String> = blocks("console").concat().lines().map(str::to_owned).collect();
    let commands: Vec<_> = lines.iter().filter_map(|line| line.strip_prefix("$ stepwright ")).collect();
    assert_eq!(commands.len(), 6);
    for command in commands {
        let command = command.split(" | ").next().unwrap_or_default().split(" #").next().unwrap_or_default();
        let command = command.split(" < ").next().unwrap_or_default();
        let parsed = stepwright::cli::parse(words(command).into_iter().map(Into::into));
        assert!(parsed.is_ok(), "{command}: {parsed:?}");
    }
}

#[test]
fn files_that_it_names_exist() {
    for target in readme().split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(target);
        assert!(path.exists(), "{target}");
    }
}

/// Words of a shell, as far as the samples go: double quotes hold spaces.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.trim().chars() {
        match c {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is one").push(c),
        }
    }
    words
}
