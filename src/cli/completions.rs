//! `stepwright completions SHELL`: what a shell completes, made from the help text. Knows no command by name.
//!
//! Workflows and runs are asked from the program itself when a word is completed, so a user's own ones are among them.

use super::help::{Command, Flag, Help};

/// The shells that [`print`] knows.
pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// What a word can be.
#[derive(Debug, PartialEq, Eq)]
enum Words<'a> {
    /// These.
    List(Vec<&'a str>),
    /// The first column of what this command prints.
    Listed(&'static str),
    Files,
    Folders,
    /// Nobody can know.
    Any,
}

/// The completion script for a shell; none when it isn't one of [`SHELLS`].
pub fn print(shell: &str, help: &Help) -> Option<String> {
    match shell {
        "bash" => Some(bash(help)),
        "zsh" => Some(zsh(help)),
        "fish" => Some(fish(help)),
        _ => None,
    }
}

/// What stands for a word in the help text says what it can be.
fn words(placeholder: &str) -> Words<'_> {
    match placeholder {
        "FILE" | "PATH" | "PATH|GLOB" => Words::Files,
        "DIR" => Words::Folders,
        "WORKFLOW" => Words::Listed("workflows"),
        "RUN" => Words::Listed("history"),
        "NAME" => Words::List(super::editor::names().collect()),
        list if list.contains('|') => Words::List(list.split('|').collect()),
        _ => Words::Any,
    }
}

fn all_options<'a>(command: &'a Command, help: &'a Help) -> impl Iterator<Item = &'a Flag> {
    command.options.iter().chain(&help.options)
}

const BASH_HEAD: &str = "\
# stepwright's completions for bash: `source <(stepwright completions bash)`, or as a file named `stepwright` in
# ~/.local/share/bash-completion/completions.
_stepwright() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
";

fn bash(help: &Help) -> String {
    let skipped: Vec<_> =
        help.options.iter().filter(|option| option.value.is_some()).map(|option| option.name.as_str()).collect();
    let mut text = format!("{BASH_HEAD}      {}) ((i++)) ;;\n", skipped.join("|"));
    text +=
        "      -*) ;;\n      *) command=${COMP_WORDS[i]} && break ;;\n    esac\n  done\n  case $command:$before in\n";
    let complete = |words: Words| match words {
        Words::List(list) => Some(format!("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")", list.join(" "))),
        Words::Listed(command) => Some(format!(
            "mapfile -t COMPREPLY < <(compgen -W \"$(stepwright {command} 2>/dev/null | cut -d' ' -f1)\" -- \"$word\")"
        )),
        Words::Files => Some("compopt -o default -o filenames; COMPREPLY=()".to_owned()),
        Words::Folders => Some("compopt -o dirnames; COMPREPLY=()".to_owned()),
        Words::Any => None,
    };
    for command in &help.commands {
        for option in all_options(command, help) {
            let Some(value) = &option.value else { continue };
            let action = complete(words(value)).unwrap_or_else(|| ":".to_owned());
            text += &format!("    {}:{}) {action}; return ;;\n", command.name, option.name);
        }
    }
    text += "  esac\n  case $command in\n";
    let names: Vec<_> = help.commands.iter().map(|command| command.name.as_str()).collect();
    let globals: Vec<_> = help.options.iter().map(|option| option.name.as_str()).collect();
    text += &format!(
        "    '') mapfile -t COMPREPLY < <(compgen -W '{} {}' -- \"$word\") ;;\n",
        names.join(" "),
        globals.join(" ")
    );
    for command in &help.commands {
        let options: Vec<_> = all_options(command, help).map(|option| option.name.as_str()).collect();
        let options = format!("mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$word\")", options.join(" "));
        let action = match command.word().and_then(|word| complete(words(word))) {
            Some(action) => format!("if [[ $word == -* ]]; then {options}; else {action}; fi"),
            None => options,
        };
        text += &format!("    {}) {action} ;;\n", command.name);
    }
    text + "  esac\n}\ncomplete -F _stepwright stepwright\n"
}

fn zsh(help: &Help) -> String {
    // Within `'[…]'`, where brackets and colons have a meaning.
    let quoted = |text: &str| text.replace('\'', "'\\''").replace('[', "\\[").replace(']', "\\]").replace(':', "\\:");
    let action = |placeholder: &str| match words(placeholder) {
        Words::List(list) => format!("({})", list.join(" ")),
        Words::Listed(command) => {
            format!("{{compadd -- ${{(f)\"$(stepwright {command} 2>/dev/null | cut -d\" \" -f1)\"}}}}")
        }
        Words::Files => "_files".to_owned(),
        Words::Folders => "_files -/".to_owned(),
        Words::Any => String::new(),
    };
    let argument = |option: &Flag| {
        let value =
            option.value.as_ref().map_or_else(String::new, |value| format!(":{}:{}", quoted(value), action(value)));
        // May be given again: `--file`, `--tag`.
        let again = if option.value.is_some() { "*" } else { "" };
        format!("'{again}{}[{}]{value}'", option.name, quoted(&option.about))
    };
    let mut text = "\
#compdef stepwright
# stepwright's completions for zsh: as a file named `_stepwright` in a folder of $fpath.
_stepwright() {
  local curcontext=$curcontext state line
"
    .to_owned();
    let globals: Vec<_> = help.options.iter().map(argument).collect();
    text += &format!("  _arguments -C {} '1:command:->command' '*::word:->words'\n", globals.join(" "));
    text += "  case $state in\n    command)\n      local -a commands=(\n";
    for command in &help.commands {
        text += &format!("        '{}:{}'\n", command.name, command.about.replace('\'', "'\\''"));
    }
    text += "      )\n      _describe command commands ;;\n    words)\n      case $line[1] in\n";
    for command in &help.commands {
        let mut arguments: Vec<_> = all_options(command, help).map(argument).collect();
        if let Some(word) = command.word() {
            arguments.push(format!("'1:{}:{}'", quoted(word), action(word)));
        }
        text += &format!("        {}) _arguments {} ;;\n", command.name, arguments.join(" "));
    }
    text + "      esac ;;\n  esac\n}\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then _stepwright \"$@\"; else compdef _stepwright stepwright; fi\n"
}

fn fish(help: &Help) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"));
    let values = |placeholder: &str| match words(placeholder) {
        Words::List(list) => format!(" -f -a {}", quoted(&list.join(" "))),
        Words::Listed(command) => {
            format!(" -f -a '(stepwright {command} 2>/dev/null | string replace -r \" .*\" \"\")'")
        }
        Words::Files => " -F".to_owned(),
        Words::Folders => " -f -a '(__fish_complete_directories)'".to_owned(),
        Words::Any => " -f".to_owned(),
    };
    let option = |when: &str, option: &Flag| {
        let value = option.value.as_ref().map_or_else(|| " -f".to_owned(), |value| format!(" -r{}", values(value)));
        format!(
            "complete -c stepwright{when} -l {}{value} -d {}\n",
            option.name.trim_start_matches('-'),
            quoted(&option.about)
        )
    };
    let mut text = "\
# stepwright's completions for fish: as ~/.config/fish/completions/stepwright.fish.
complete -c stepwright -f
"
    .to_owned();
    text.extend(help.options.iter().map(|flag| option("", flag)));
    for command in &help.commands {
        let about = quoted(&command.about);
        text += &format!("complete -c stepwright -n __fish_use_subcommand -a {} -d {about}\n", command.name);
        let when = format!(" -n '__fish_seen_subcommand_from {}'", command.name);
        if let Some(word) = command.word() {
            text += &format!("complete -c stepwright{when}{}\n", values(word));
        }
        text.extend(command.options.iter().map(|flag| option(&when, flag)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{HELP, help};

    #[test]
    fn every_command_and_option_stands_in_every_script() {
        let help = help::read(HELP);
        assert!(help.commands.len() >= 12, "{help:?}");
        for shell in SHELLS {
            let script = print(shell, &help).unwrap();
            for command in &help.commands {
                assert!(script.contains(&command.name), "{shell}: {}", command.name);
                for option in all_options(command, &help) {
                    assert!(script.contains(option.name.trim_start_matches('-')), "{shell}: {}", option.name);
                }
            }
        }
        assert_eq!(print("tcsh", &help), None);
    }

    #[test]
    fn words_are_known_by_their_placeholder() {
        assert_eq!(words("bash|zsh"), Words::List(vec!["bash", "zsh"]));
        assert_eq!(words("PATH|GLOB"), Words::Files);
        assert_eq!(words("INSTRUCTION"), Words::Any);
        assert!(matches!(words("NAME"), Words::List(names) if names.contains(&"helix")));
    }
}
