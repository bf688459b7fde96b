//! One edit of a file at a time: the next one is computed from a text that shows the one before. Knows only names of files.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::{Mutex as Gate, OwnedMutexGuard};

use crate::document::FileRef;

/// Who edits which file.
#[derive(Default)]
pub struct Turns {
    gates: Mutex<BTreeMap<FileRef, Weak<Gate<()>>>>,
}

impl Turns {
    /// Waits until nobody else edits the file; the turn lasts as long as the guard.
    pub async fn take(&self, file: &FileRef) -> OwnedMutexGuard<()> {
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            gates.retain(|_, gate| gate.strong_count() > 0);
            gates.get(file).and_then(Weak::upgrade).unwrap_or_else(|| {
                let gate = Arc::new(Gate::new(()));
                gates.insert(file.clone(), Arc::downgrade(&gate));
                gate
            })
        };
        gate.lock_owned().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Place;

    fn file(name: &str) -> FileRef {
        FileRef { name: name.to_owned(), place: Place::Buffer(name.to_owned()) }
    }

    #[tokio::test]
    async fn one_edits_a_file_and_others_edit_others() {
        let turns = Turns::default();
        let first = turns.take(&file("a")).await;
        let _other = turns.take(&file("b")).await;
        let a = file("a");
        let mut second = Box::pin(turns.take(&a));
        assert!(futures::poll!(&mut second).is_pending());
        drop(first);
        second.await;
        assert_eq!(turns.gates.lock().unwrap().len(), 2, "what is over is forgotten with the next");
        drop(turns.take(&file("c")).await);
        assert!(!turns.gates.lock().unwrap().contains_key(&a));
    }
}
