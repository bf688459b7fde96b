//! A history that ends with the process, for as long as the front ends use it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::engine::{
    journal::{EditEntry, EditId, Entry, Journal, JournalError},
    ports::Message,
};

/// A history that ends with the process.
#[derive(Default)]
pub struct Memory {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    messages: Vec<(String, u32, Message)>,
    edits: EditId,
}

impl Memory {
    /// A message by its id, `m1` being the first.
    pub fn find(&self, id: &str) -> Option<Message> {
        let number: usize = id.strip_prefix('m')?.parse().ok()?;
        self.kept().messages.get(number.checked_sub(1)?).map(|(_, _, message)| message.clone())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for Memory {
    async fn record(&self, _: &str, _: Entry) -> Result<(), JournalError> {
        Ok(())
    }

    async fn message(&self, run: &str, step: u32, message: Message) -> Result<String, JournalError> {
        let messages = &mut self.kept().messages;
        let known = messages.iter().position(|(of, at, _)| of == run && *at == step);
        let number = known.map_or(messages.len(), |at| at) + 1;
        if known.is_none() {
            messages.push((run.to_owned(), step, message));
        }
        Ok(format!("m{number}"))
    }

    async fn edit(&self, _: &str, _: EditEntry) -> Result<EditId, JournalError> {
        let edits = &mut self.kept().edits;
        *edits += 1;
        Ok(*edits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_by_their_ids() {
        let memory = Memory::default();
        let message = |text: &str| Message { prompt: text.to_owned(), reply: text.to_owned() };
        for (step, text, id) in [(1, "a", "m1"), (2, "b", "m2"), (1, "c", "m1")] {
            let kept = memory.message("r", step, message(text));
            assert_eq!(futures::executor::block_on(kept).unwrap(), id);
        }
        assert_eq!(memory.find("m2"), Some(message("b")));
        for id in ["m0", "m3", "2", "m", "mm", "m-1", "m99999999999999999999"] {
            assert_eq!(memory.find(id), None, "{id}");
        }
    }
}
