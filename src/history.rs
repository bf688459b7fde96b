//! What happened: runs, their steps, and the messages that later runs can name. Kept in memory for as long as the process lives.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::engine::ports::{Entry, Journal, JournalError, Message};

/// A history that ends with the process.
#[derive(Default)]
pub struct Memory {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: Vec<Entry>,
    messages: Vec<Message>,
}

impl Memory {
    /// A message by its id, `m1` being the first.
    pub fn find(&self, id: &str) -> Option<Message> {
        let number: usize = id.strip_prefix('m')?.parse().ok()?;
        self.kept().messages.get(number.checked_sub(1)?).cloned()
    }

    /// Everything that was recorded of a run, in order.
    pub fn run(&self, run: &str) -> Vec<Entry> {
        self.kept().entries.iter().filter(|entry| entry.run() == run).cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for Memory {
    async fn record(&self, entry: Entry) -> Result<(), JournalError> {
        self.kept().entries.push(entry);
        Ok(())
    }

    async fn message(&self, message: Message) -> Result<String, JournalError> {
        let mut kept = self.kept();
        kept.messages.push(message);
        Ok(format!("m{}", kept.messages.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_found_by_their_ids() {
        let memory = Memory::default();
        let message = |text: &str| Message { prompt: text.to_owned(), reply: text.to_owned() };
        for (text, id) in [("a", "m1"), ("b", "m2")] {
            assert_eq!(futures::executor::block_on(memory.message(message(text))).unwrap(), id);
        }
        assert_eq!(memory.find("m2"), Some(message("b")));
        for id in ["m0", "m3", "2", "m", "mm", "m-1", "m99999999999999999999"] {
            assert_eq!(memory.find(id), None, "{id}");
        }
    }
}
