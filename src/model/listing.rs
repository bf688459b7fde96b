//! The models that servers list, for whoever is about to choose one. Sends no prompt, and runs no command that prints a key: nobody
//! asked for that yet.

use std::collections::BTreeSet;

use futures::future;

use super::{
    Router,
    catalog::{Choice, Server, Target},
    client::Client,
    key::Credential,
};
use crate::engine::ports::Request;

impl Router {
    /// As `provider/model`, in the order of providers and of their own lists.
    pub(super) async fn list_all(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.catalog.usable().map(str::to_owned).collect();
        if let Ok(Choice::Server(Server::Discovered)) = self.catalog.choose(&Request::default())
            && let Ok(client) = self.client(Server::Discovered).await
        {
            names.insert(client.target().provider.clone());
        }
        let lists = future::join_all(names.iter().map(|name| self.list_of(name))).await;
        let named = names
            .iter()
            .zip(lists)
            .flat_map(|(provider, models)| models.into_iter().map(move |model| format!("{provider}/{model}")));
        // What is found on this machine can have a name that only `[roles]` could give a meaning to.
        named.filter(|name| self.catalog.knows(name)).collect()
    }

    async fn list_of(&self, provider: &str) -> Vec<String> {
        let Ok(Choice::Server(Server::Listed(target))) = self.catalog.provider(provider) else { return Vec::new() };
        if !may_be_asked(&target) {
            return Vec::new();
        }
        let client = Client::new(*target, self.http.clone(), &self.limits, self.tuning.patience);
        client.list().await.unwrap_or_default()
    }
}

fn may_be_asked(target: &Target) -> bool {
    let key_is_at_hand = match &*target.credential {
        Credential::Command { .. } => target.credential.known().is_some(),
        Credential::None | Credential::Environment { .. } => !target.lacks_key(),
    };
    // Azure lists what one could deploy, not what is deployed.
    key_is_at_hand && !target.address.is_azure()
}
