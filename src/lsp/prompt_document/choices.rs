//! What an extension's own lists can offer for a run, and the model that it would take: for clients with more than the protocol's menus.

use std::sync::Arc;

use serde::Serialize;

use super::{
    super::server::Shared,
    completion::{MAX_MESSAGES, first_words},
    facts::Facts,
};

/// The answer to `stepwright/choices`.
#[derive(Debug, Serialize)]
pub struct Choices {
    /// For the tag `model`: roles, then what is configured, then what servers list.
    models: Vec<Choice>,
    /// Ids of earlier replies, the newest first.
    messages: Vec<Choice>,
}

#[derive(Debug, Serialize)]
struct Choice {
    value: String,
    /// What it means, in a line.
    detail: String,
}

impl Shared {
    /// Models and messages that a run can be given.
    pub async fn choices(self: &Arc<Self>) -> Choices {
        let facts = Facts { listed_models: self.listed_models().await, ..Facts::of(self) };
        let models = facts.models().into_iter().map(|(value, detail)| Choice { value, detail }).collect();
        let recent = facts.history.recent_messages(MAX_MESSAGES).await.unwrap_or_default();
        let mut messages = Vec::new();
        for known in recent {
            if let Some(message) = facts.message(&known.id).await {
                messages.push(Choice { value: known.id, detail: first_words(&message.reply) });
            }
        }
        Choices { models, messages }
    }
}
