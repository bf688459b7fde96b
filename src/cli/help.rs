//! The help text as data: commands, options and what they take, read from the very text that people see. Completions and the manual page
//! are made from this, so that there is no second list of commands. Refuses to know how any of these look.

/// A command of the program.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    pub name: String,
    /// What stands behind the name: `[RUN] [--json]`.
    pub usage: String,
    pub about: String,
    pub options: Vec<Flag>,
}

/// An option, of one command or of all.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// With its dashes.
    pub name: String,
    pub value: Option<String>,
    /// Empty when the text only names it.
    pub about: String,
}

/// The help text's parts.
#[derive(Debug, PartialEq, Eq)]
pub struct Help {
    /// The first line.
    pub about: String,
    pub commands: Vec<Command>,
    /// What every command takes.
    pub options: Vec<Flag>,
    /// The paragraph at the end.
    pub notes: String,
}

impl Command {
    /// What the first word behind the command is: `WORKFLOW`, `bash|zsh|fish`; none when it takes none.
    pub fn word(&self) -> Option<&str> {
        let first = self.usage.split_whitespace().find(|word| !word.contains("--"))?;
        Some(first.trim_matches(['[', ']']))
    }
}

/// Reads a text of this form: commands are indented by two, their options by six, two blanks or more before what it is about.
pub fn read(text: &str) -> Help {
    let mut lines = text.lines();
    let about = lines.next().unwrap_or_default().to_owned();
    let mut help = Help { about, commands: Vec::new(), options: Vec::new(), notes: String::new() };
    for line in lines {
        let (left, about) = match line.trim_start().split_once("  ") {
            Some((left, about)) => (left, about.trim().to_owned()),
            None => (line.trim(), String::new()),
        };
        match (line.len() - line.trim_start().len(), help.commands.last_mut()) {
            (2, _) if left.starts_with("stepwright ") => help.commands.push(command(left, about)),
            (2, _) if left.starts_with("--") => help.options.extend(line.trim().split(", ").map(|one| flag(one, ""))),
            (6, Some(command)) if left.starts_with("--") => command.options.push(flag(left, &about)),
            // Goes on with the line above: a command's own, else its last option's.
            (indent, Some(command)) if indent > 6 && !command.about.is_empty() => {
                command.about = format!("{} {}", command.about, line.trim());
            }
            (indent, Some(command)) if indent > 6 => {
                if let Some(option) = command.options.last_mut() {
                    option.about = format!("{} {}", option.about, line.trim());
                }
            }
            (0, _) if !line.is_empty() => help.notes = format!("{} {line}", help.notes).trim().to_owned(),
            _ => {}
        }
    }
    help
}

fn command(left: &str, about: String) -> Command {
    let mut words = left.split_whitespace().skip(1);
    let name = words.next().unwrap_or_default().to_owned();
    let usage = words.collect::<Vec<_>>().join(" ");
    let named = usage.split('[').filter_map(|part| part.strip_prefix("--").map(|_| part.trim().trim_end_matches(']')));
    let options = named.map(|option| flag(option, "")).collect();
    Command { name, usage, about, options }
}

fn flag(text: &str, about: &str) -> Flag {
    let (name, value) = match text.split_once(' ') {
        Some((name, value)) => (name, Some(value.trim().to_owned())),
        None => (text, None),
    };
    Flag { name: name.to_owned(), value, about: about.to_owned() }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_parts_of_a_text() {
        let help = read(
            "\
It does things.

  stepwright run WORKFLOW [INSTRUCTION]
      --file PATH|GLOB     a file to work with;
                           may be given again
  stepwright trust [DIR] [--revoke]   allow a
                           workspace's workflows

  --config FILE, --help

Two lines
of notes.
",
        );
        let shown: Vec<_> = help
            .commands
            .iter()
            .map(|command| format!("{} <{}> {:?} {:?}", command.name, command.about, command.word(), command.options))
            .collect();
        expect![[r#"
            run <> Some("WORKFLOW") [Flag { name: "--file", value: Some("PATH|GLOB"), about: "a file to work with; may be given again" }]
            trust <allow a workspace's workflows> Some("DIR") [Flag { name: "--revoke", value: None, about: "" }]
            It does things. / Two lines of notes. / [Flag { name: "--config", value: Some("FILE"), about: "" }, Flag { name: "--help", value: None, about: "" }]"#]]
        .assert_eq(&format!("{}\n{} / {} / {:?}", shown.join("\n"), help.about, help.notes, help.options));
    }
}
