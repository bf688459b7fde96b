//! Takes a whole run back, file by file, through the editor: around what was typed since, or not at all.

use std::sync::Arc;

use tower_lsp::lsp_types::{ApplyWorkspaceEditParams, MessageType};

use super::{apply::Now, convert, results::log, server::Shared, workspace::blocking};
use crate::{
    document::{
        FileRef, Place, disk,
        revert::{Reverted, Sides, revert},
    },
    engine::journal::EditState,
    history::{KeptEdit, undo},
};

impl Shared {
    /// No name: the newest run that edited something.
    pub fn revert_command(self: &Arc<Self>, run: Option<String>) {
        let shared = self.clone();
        tokio::spawn(async move { shared.revert(run).await });
    }

    async fn revert(self: &Arc<Self>, run: Option<String>) {
        let run = run.or_else(|| self.state().reverts.last().map(|known| known.run.clone()));
        let Some(run) = run else {
            return self.outbox.message(MessageType::INFO, "there is no run to revert");
        };
        if self.state().runs.contains_key(&run) {
            return self.outbox.message(MessageType::WARNING, "the run is still going on; cancel it first");
        }
        let edits = match self.history().edits(&run).await {
            Ok(edits) => edits,
            Err(error) => return self.outbox.message(MessageType::ERROR, error.to_string()),
        };
        let name = edits.first().map_or_else(|| format!("run {run}"), |edit| edit.title.clone());
        let mut told = undo::Told::default();
        for (file, edits) in undo::by_file(edits) {
            let outcome = self.revert_file(&name, &file, &edits).await;
            told.add(&file, outcome);
        }
        let (is_whole, text) = told.sentence(&name);
        if is_whole {
            self.state().reverts.retain(|known| known.run != run);
        }
        self.outbox.message(if is_whole { MessageType::INFO } else { MessageType::WARNING }, text);
    }

    /// The error is why the file stays as it is.
    async fn revert_file(
        self: &Arc<Self>,
        name: &str,
        file: &FileRef,
        edits: &[KeptEdit],
    ) -> Result<undo::Did, String> {
        let _turn = self.turns.take(file).await;
        let sides = undo::sides(edits)?;
        let now = self.now(file).await.map_err(|error| error.to_string())?;
        let did = match revert(&sides, now.raw.as_deref()) {
            Reverted::Already => undo::Did::Nothing,
            Reverted::Text(text) => {
                self.replace(&format!("Revert {name}: {}", file.name), file, &now, &text).await?;
                undo::Did::Restored
            }
            Reverted::Delete => {
                self.delete(name, file, &now, &sides).await?;
                undo::Did::Deleted
            }
            standing => return Err(undo::reason(&standing)),
        };
        for edit in edits {
            log(self.history().set_edit(edit.id, EditState::Reverted).await);
        }
        Ok(did)
    }

    /// The file is what the run made of it, and the user asked to take that back.
    async fn delete(
        self: &Arc<Self>,
        name: &str,
        file: &FileRef,
        now: &Now,
        sides: &[Sides<'_>],
    ) -> Result<(), String> {
        let (client, is_open) = (self.state().client.clone(), now.version.is_some());
        if client.delete_files
            && client.document_changes
            && let Some(url) = now.url.clone()
        {
            let edit = convert::delete_file(url);
            let params = ApplyWorkspaceEditParams { label: Some(format!("Revert {name}: {}", file.name)), edit };
            self.send_deletion(params).await?;
        } else if is_open {
            // An open file isn't touched on disk; an empty buffer is as near as this editor gets.
            self.replace(&format!("Revert {name}: {}", file.name), file, now, "").await?;
            return Err("this editor can't delete files for a server: it is empty now, delete it yourself".to_owned());
        }
        let Place::Disk(path) = file.place.clone() else { return Ok(()) };
        let made: Vec<String> = sides.iter().map(|sides| sides.after.to_owned()).chain([String::new()]).collect();
        let removed = blocking(move || Ok(disk::remove_if(&path, &made)));
        removed.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    }
}
