//! `stepwright man`: the manual page in roff, made from the help text. Knows no command by name.

use super::help::{Flag, Help};

/// What is in no help text: where things are.
const FILES: &str = "\
.TP
.I ~/.config/stepwright/config.toml
Your configuration; another one with \\fB\\-\\-config\\fR or the variable \\fBSTEPWRIGHT_CONFIG\\fR.
.TP
.I .stepwright/config.toml
A workspace's configuration, which can set no model, key or address.
.TP
.I ~/.config/stepwright/workflows, .stepwright/workflows
Workflows of your own, and of a trusted workspace.
.TP
.I ~/.local/state/stepwright/history.db
What was run, asked and answered.
.SH ENVIRONMENT
.TP
.B OPENAI_API_KEY, ANTHROPIC_API_KEY
Keys that are used when nothing is configured.
.TP
.B STEPWRIGHT_LOG
What is logged to standard error, such as \\fBinfo\\fR.
.TP
.B STEPWRIGHT_RECORD
A file that keeps a model's answers, for replay.
";

/// The page for section 1.
pub fn page(help: &Help, version: &str) -> String {
    let mut text = format!(
        ".TH STEPWRIGHT 1 \"\" \"stepwright {version}\"\n.SH NAME\nstepwright \\- AI workflows for any editor\n"
    );
    text += ".SH SYNOPSIS\n.B stepwright\n.I COMMAND\n[\\fIARGUMENTS\\fR]\n.SH DESCRIPTION\n";
    text += &format!("{}\n.SH COMMANDS\n", roff(&help.about));
    for command in &help.commands {
        text += &format!(".TP\n.B {} \\fR{}\n{}\n", command.name, roff(&command.usage), roff(&command.about));
        let told: Vec<_> = command.options.iter().filter(|option| !option.about.is_empty()).collect();
        if !told.is_empty() {
            text += ".RS\n";
            told.iter().for_each(|option| text += &entry(option));
            text += ".RE\n";
        }
    }
    text += ".SH OPTIONS\n";
    help.options.iter().for_each(|option| text += &entry(option));
    text + &format!(".SH NOTES\n{}\n.SH FILES\n{FILES}", roff(&help.notes))
}

fn entry(option: &Flag) -> String {
    let value = option.value.as_ref().map_or_else(String::new, |value| format!(" \\fI{}\\fR", roff(value)));
    format!(".TP\n\\fB{}\\fR{value}\n{}\n", roff(&option.name), roff(&option.about))
}

/// Escapes what roff would take for its own.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('…', "...").replace('`', "\\(ga");
    match text.starts_with(['.', '\'']) {
        true => format!("\\&{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{HELP, help};

    #[test]
    fn every_command_and_option_stands_in_the_page() {
        let help = help::read(HELP);
        let page = page(&help, "1.2.3");
        for command in &help.commands {
            assert!(page.contains(&format!(".B {} ", command.name)), "{}", command.name);
            for option in command.options.iter().chain(&help.options) {
                assert!(page.contains(&roff(&option.name)), "{}", option.name);
            }
        }
        assert!(page.lines().all(|line| line.is_ascii()), "roff readers differ on anything else");
        assert_eq!(roff(".a-b\\"), "\\&.a\\-b\\e");
    }
}
