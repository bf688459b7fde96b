//! The models that servers list, kept for a while: asking them takes longer than a completion may.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::OnceCell;

use super::super::server::Shared;
use crate::engine::ports::Model;

/// Servers on this machine answer within it. What comes later is there at the next letter.
const WAIT: Duration = Duration::from_millis(200);
/// Models are added less often than this.
const AGE: Duration = Duration::from_secs(600);
/// When nothing was listed: the server may be starting.
const EMPTY_AGE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub struct ListedModels(Mutex<Option<Kept>>);

struct Kept {
    of: Arc<dyn Model>,
    asked: Instant,
    names: Arc<OnceCell<Arc<Vec<String>>>>,
}

impl ListedModels {
    /// Those that were listed already; asks nobody.
    pub fn known(&self, model: &Arc<dyn Model>) -> Arc<Vec<String>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.as_ref().filter(|kept| Arc::ptr_eq(&kept.of, model));
        kept.and_then(|kept| kept.names.get().cloned()).unwrap_or_default()
    }

    fn current(&self, model: &Arc<dyn Model>) -> Arc<OnceCell<Arc<Vec<String>>>> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = kept.as_ref().filter(|kept| Arc::ptr_eq(&kept.of, model) && !kept.is_old()) {
            return kept.names.clone();
        }
        let names = Arc::<OnceCell<_>>::default();
        *kept = Some(Kept { of: model.clone(), asked: Instant::now(), names: names.clone() });
        names
    }
}

impl Kept {
    fn is_old(&self) -> bool {
        let is_empty = self.names.get().is_some_and(|names| names.is_empty());
        self.asked.elapsed() > if is_empty { EMPTY_AGE } else { AGE }
    }
}

impl Shared {
    /// What servers list; nothing yet when they take longer than somebody who is typing waits.
    pub(super) async fn listed_models(self: &Arc<Self>) -> Arc<Vec<String>> {
        let model = self.model();
        let names = self.models.current(&model);
        if let Some(names) = names.get() {
            return names.clone();
        }
        // Goes on when nobody waits for it any more.
        let asking =
            tokio::spawn(async move { names.get_or_init(async || Arc::new(model.listed().await)).await.clone() });
        match tokio::time::timeout(WAIT, asking).await {
            Ok(Ok(names)) => names,
            Ok(Err(_)) | Err(_) => Arc::default(),
        }
    }
}
