//! The command line: what each command does, up to its exit code. Knows nothing of editors' protocols.

use std::path::PathBuf;

use lexopt::prelude::{Long, Short, Value, ValueExt};

mod completions;
pub mod demo;
mod doctor;
mod drive;
pub mod editor;
mod estimate;
pub mod help;
mod history;
mod man;
mod output;
pub mod run;
pub mod schema;
mod trust;
mod workflows;
mod workspace;

/// What the program is asked to do.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    Lsp { config: Option<PathBuf> },
    Run(run::Arguments),
    Demo,
    Doctor { config: Option<PathBuf>, json: bool },
    Workflows { config: Option<PathBuf>, json: bool },
    Schema(String),
    Editor(String),
    History { run: Option<String>, json: bool },
    Resume { run: String, json: bool },
    Revert(String),
    Trust { folder: Option<PathBuf>, revoke: bool },
    Completions(String),
    Man,
    Help,
    Version,
}

/// A command with what holds for all of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Invocation {
    pub command: Command,
    pub log_file: Option<PathBuf>,
}

/// How a command ended; the numbers are the program's exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Finished = 0,
    Failed = 1,
    Usage = 2,
    InPart = 3,
    Cancelled = 130,
}

/// A command that can't be carried out as it was given: one sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

impl From<lexopt::Error> for Usage {
    fn from(error: lexopt::Error) -> Self {
        Self(format!("{error}; `stepwright --help` shows what there is"))
    }
}

pub const HELP: &str = "\
stepwright runs AI workflows for any editor.

  stepwright lsp                      language server on standard input and output
  stepwright run WORKFLOW [INSTRUCTION]
      --file PATH|GLOB                a file to work with; may be given again
      --tag KEY=VALUE                 model=…, pages=…, write=…, or what the workflow declares
      --message ID                    an earlier message as context
      --json                          one event a line
      --diff                          print a unified diff, write nothing
      --estimate                      print what would be sent and what it would cost, send nothing
  stepwright demo                     try all five workflows, with no key and no network
  stepwright history [RUN] [--json]   what was run in this folder
  stepwright resume RUN [--json]      go on with a run that was interrupted or failed; finished steps aren't repeated
  stepwright revert RUN               take a run's edits back, around what was changed since
  stepwright doctor [--json]          say what is wrong with configuration, keys, models and folders, and what mends it
  stepwright workflows [--json]       list the workflows
  stepwright editor NAME              print the set-up for helix, neovim, vscode, emacs, kakoune, zed, kate or sublime
  stepwright schema config|workflow   print the JSON Schema of a file format
  stepwright trust [DIR] [--revoke]   allow a workspace's check command and workflows
  stepwright completions bash|zsh|fish  print what your shell needs to complete commands
  stepwright man                      print the manual page

  --config FILE, --log-file FILE, --help, --version

An instruction of `-` is read from standard input. Exit codes: 0 finished, 1 failed, 2 bad usage or configuration, 3 finished in part,
130 cancelled.
";

/// Reads the command line.
pub fn parse(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Invocation, Usage> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let (mut config, mut log_file, mut name) = (None, None, None);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => config = Some(parser.value()?.into()),
            Long("log-file") => log_file = Some(parser.value()?.into()),
            // What vscode-languageclient adds for its stdio transport.
            Long("stdio") => name = Some("lsp".to_owned()),
            Long("help") | Short('h') => name = Some("help".to_owned()),
            Long("version") | Short('V') => name = Some("version".to_owned()),
            Value(word) => name = Some(word.string()?),
            other => return Err(other.unexpected().into()),
        }
        if name.is_some() {
            break;
        }
    }
    let command = match name.as_deref() {
        None | Some("help") => Command::Help,
        Some("version") => Command::Version,
        Some("run") => Command::Run(run::Arguments::parse(&mut parser, config, &mut log_file)?),
        Some(name) => rest(name, &mut parser, config, &mut log_file)?,
    };
    Ok(Invocation { command, log_file })
}

fn rest(
    name: &str,
    parser: &mut lexopt::Parser,
    mut config: Option<PathBuf>,
    log_file: &mut Option<PathBuf>,
) -> Result<Command, Usage> {
    let (mut json, mut revoke, mut words) = (false, false, Vec::new());
    while let Some(argument) = parser.next()? {
        match argument {
            Long("config") => config = Some(parser.value()?.into()),
            Long("log-file") => *log_file = Some(parser.value()?.into()),
            Long("json") if matches!(name, "workflows" | "doctor" | "history" | "resume") => json = true,
            Long("revoke") if name == "trust" => revoke = true,
            Long("stdio") if name == "lsp" => {}
            Value(word) => words.push(word),
            other => return Err(other.unexpected().into()),
        }
    }
    let mut words = words.into_iter();
    let mut word = |what: &str| {
        let word = words.next().ok_or_else(|| Usage(format!("`stepwright {name}` needs {what}")))?;
        word.string().map_err(Usage::from)
    };
    let command = match name {
        "lsp" => Command::Lsp { config },
        "demo" => Command::Demo,
        "doctor" => Command::Doctor { config, json },
        "workflows" => Command::Workflows { config, json },
        "schema" => Command::Schema(word("a name: config or workflow")?),
        "editor" => Command::Editor(word("a name: helix, neovim, vscode, emacs, kakoune, zed, kate or sublime")?),
        "history" => Command::History { run: words.next().map(|run| run.string()).transpose()?, json },
        "resume" => Command::Resume { run: word("a run, as `stepwright history` lists them")?, json },
        "revert" => Command::Revert(word("a run, as `stepwright history` lists them")?),
        "completions" => Command::Completions(word("a shell: bash, zsh or fish")?),
        "man" => Command::Man,
        "trust" => Command::Trust { folder: words.next().map(PathBuf::from), revoke },
        _ => return Err(Usage(format!("there is no command `{name}`; `stepwright --help` lists them"))),
    };
    match words.next() {
        Some(extra) => Err(Usage(format!("`{}` is one word too many", extra.to_string_lossy()))),
        None => Ok(command),
    }
}

/// Carries out any command but the language server.
pub async fn execute(command: Command) -> Result<Exit, Usage> {
    match command {
        Command::Run(arguments) => return run::run(arguments).await,
        Command::Demo => return demo::run().await,
        Command::History { run, json } => return history::show(run.as_deref(), json).await,
        Command::Resume { run, json } => return history::resume(&run, json).await,
        Command::Revert(run) => return history::undo(&run).await,
        Command::Doctor { config, json } => return doctor::run(config.as_deref(), json).await,
        Command::Workflows { config, json } => output::print(&workflows::list(config.as_deref(), json)?),
        Command::Schema(name) => {
            let schema = schema::print(&name).map_err(|error| Usage(error.to_string()))?;
            output::print(&format!("{schema}\n"));
        }
        Command::Editor(name) => output::print(&editor_setup(&name)?),
        Command::Trust { folder, revoke } => output::print(&trust::set(folder, revoke)?),
        Command::Completions(shell) => output::print(&completion_script(&shell)?),
        Command::Man => output::print(&man::page(&help::read(HELP), env!("CARGO_PKG_VERSION"))),
        Command::Help => output::print(HELP),
        Command::Version => output::print(concat!("stepwright ", env!("CARGO_PKG_VERSION"), "\n")),
        Command::Lsp { .. } => return Err(Usage("the language server is started elsewhere".to_owned())),
    }
    Ok(Exit::Finished)
}

fn completion_script(shell: &str) -> Result<String, Usage> {
    let unknown =
        || Usage(format!("there are no completions for `{shell}`; the shells are: {}", completions::SHELLS.join(", ")));
    completions::print(shell, &help::read(HELP)).ok_or_else(unknown)
}

fn editor_setup(name: &str) -> Result<String, Usage> {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("stepwright"));
    editor::setup(name, &program).map_err(|error| Usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(line: &str) -> Result<Command, String> {
        parse(line.split_whitespace().map(Into::into)).map(|invocation| invocation.command).map_err(|usage| usage.0)
    }

    #[test]
    fn command_lines() {
        let run = |change: fn(&mut run::Arguments)| {
            let mut arguments = run::Arguments { workflow: "auto".to_owned(), ..run::Arguments::default() };
            change(&mut arguments);
            Ok(Command::Run(arguments))
        };
        for (line, expected) in [
            ("", Ok(Command::Help)),
            ("--stdio", Ok(Command::Lsp { config: None })),
            ("lsp --stdio --config c", Ok(Command::Lsp { config: Some("c".into()) })),
            ("--config c lsp", Ok(Command::Lsp { config: Some("c".into()) })),
            ("-V", Ok(Command::Version)),
            ("doctor --json", Ok(Command::Doctor { config: None, json: true })),
            ("workflows --json", Ok(Command::Workflows { config: None, json: true })),
            ("trust --revoke d", Ok(Command::Trust { folder: Some("d".into()), revoke: true })),
            ("run auto", run(|_| ())),
            ("run auto --estimate", run(|run| run.estimate = true)),
            ("run --file a --file=b auto", run(|run| run.files = vec!["a".to_owned(), "b".to_owned()])),
            (
                "run auto --json --tag x=1=2",
                run(|run| {
                    run.form = run::Form::Json;
                    run.tags.insert("x".to_owned(), "1=2".to_owned());
                }),
            ),
        ] {
            assert_eq!(command(line), expected, "{line}");
        }
    }

    #[test]
    fn mistakes_say_what_to_do() {
        for (line, part) in [
            ("fly", "there is no command `fly`"),
            ("resume", "needs a run"),
            ("run", "say which workflow to run"),
            ("run auto one two", "put the instruction in quotes"),
            ("run auto --tag x", "`--tag` takes KEY=VALUE"),
            ("run auto --nonsense", "--nonsense"),
            ("schema", "needs a name: config or workflow"),
            ("completions", "needs a shell: bash, zsh or fish"),
            ("workflows --revoke", "--revoke"),
            ("lsp extra", "one word too many"),
        ] {
            let error = command(line).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
