//! The language server: the only layer that knows the protocol. Contains no workflow names and awaits no run in a handler.

use std::path::PathBuf;

use tower_lsp::LspService;

mod actions;
mod apply;
mod capabilities;
mod changed;
mod command;
mod convert;
mod estimate;
mod execute;
mod history;
mod observer;
mod outbox;
mod own_files;
mod progress;
mod prompt_document;
mod results;
mod revert;
mod runs;
mod server;
mod settings;
mod state;
pub mod transport;
mod turns;
mod workspace;

/// Serves the editor on standard input and output until it leaves; returns the exit code.
pub async fn serve(config: Option<PathBuf>) -> u8 {
    let origin = settings::Origin::new(config);
    let (service, socket) = LspService::build(|client| server::Server::new(client, origin))
        .custom_method("window/workDoneProgress/cancel", server::Server::cancel_progress)
        .custom_method("stepwright/choices", server::Server::choices)
        .custom_method("stepwright/files", server::Server::files)
        .custom_method("stepwright/model", server::Server::model)
        .finish();
    transport::serve(service, socket, std::io::stdin(), std::io::stdout()).await
}
