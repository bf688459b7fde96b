//! Composes everything: arguments to a front end, log lines to their place, and how it ended to an exit code.

use std::{fs::OpenOptions, io, path::Path, process::ExitCode, sync::Mutex};

use stepwright::{
    cli::{self, Command, Exit, Invocation, Usage},
    lsp, setup,
};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{Layer, filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

fn main() -> ExitCode {
    let Invocation { command, log_file } = match cli::parse(std::env::args_os().skip(1)) {
        Ok(invocation) => invocation,
        Err(usage) => return fail(&usage),
    };
    if let Err(usage) = log_to(log_file.as_deref()) {
        return fail(&usage);
    }
    setup::hide_what_panics_say();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&Usage(format!("failed to start: {error}"))),
    };
    let code = runtime.block_on(async {
        match command {
            Command::Lsp { config } => lsp::serve(config).await,
            command => match cli::execute(command).await {
                Ok(exit) => exit as u8,
                Err(usage) => {
                    eprintln!("stepwright: {usage}");
                    Exit::Usage as u8
                }
            },
        }
    });
    // Runs that end with the process leave no command behind.
    stepwright::check::kill_all();
    // A thread that waits for standard input, or for a disk, mustn't keep the process alive.
    std::process::exit(i32::from(code))
}

fn fail(usage: &Usage) -> ExitCode {
    eprintln!("stepwright: {usage}");
    ExitCode::from(Exit::Usage as u8)
}

/// Log lines never go to standard output, which belongs to the protocol and to results.
fn log_to(file: Option<&Path>) -> Result<(), Usage> {
    let wanted = std::env::var("STEPWRIGHT_LOG").ok().and_then(|filter| filter.parse::<Targets>().ok());
    let filter = wanted.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = fmt::layer().with_ansi(false);
    let lines = match file {
        None => lines.with_writer(io::stderr).boxed(),
        Some(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file =
                file.map_err(|error| Usage(format!("failed to open the log file `{}`: {error}", path.display())))?;
            lines.with_writer(Mutex::new(file)).boxed()
        }
    };
    tracing_subscriber::registry().with(lines.with_filter(filter)).init();
    Ok(())
}
