//! What is known about a model before its server is asked: what the user says, then what is publicly known.

use super::{Catalog, REPLAY, Target};
use crate::{
    config::{ModelFacts, Price},
    engine::{
        money::cost,
        ports::{Facts, Request, Strength, Usage},
    },
    model::facts::{self, Known},
    workflow::Role,
};

/// What servers on this machine ask for.
const FREE: Price = Price { input: 0.0, cached: None, output: 0.0 };
/// Recorded answers come from a file, which takes prompts of any length, within reason.
const REPLAY_WINDOW: u64 = 1_000_000;

impl Catalog {
    /// What is known about recorded answers, by the name under which the request asks for them: what the user says of it, so that prices and
    /// windows can be tried.
    pub fn replay_facts(&self, request: &Request) -> Facts {
        let role = match request.role {
            Role::Main => self.main.as_deref(),
            Role::Fast => self.fast.as_deref().or(self.main.as_deref()),
        };
        let name = match request.model.as_deref().map(str::trim) {
            None | Some("") => role,
            Some("main") => self.main.as_deref(),
            Some("fast") => self.fast.as_deref().or(self.main.as_deref()),
            named => named,
        };
        let name = name.unwrap_or(REPLAY).to_owned();
        let ModelFacts { context_window, max_output_tokens, price, is_strong } = self.facts(&name);
        Facts {
            name,
            context_window: context_window.or(Some(REPLAY_WINDOW)),
            max_output: max_output_tokens,
            output_limit: max_output_tokens,
            price: price.or(Some(FREE)),
            strength: strength(is_strong, Strength::Weak),
            is_local: true,
            ..Facts::default()
        }
    }
}

/// What the user says, else what is publicly known.
fn strength(is_strong: Option<bool>, public: Strength) -> Strength {
    match is_strong {
        Some(true) => Strength::Strong,
        Some(false) => Strength::Weak,
        None => public,
    }
}

impl Target {
    /// What is known without asking the server: what the user says goes first.
    pub fn known(&self) -> Facts {
        let is_local = self.address.is_loopback();
        let Known { window, output, price, strength: public } = facts::known(self.address.host(), &self.model);
        let ModelFacts { context_window, max_output_tokens, price: users, is_strong } = self.facts.clone();
        Facts {
            name: self.name(),
            // How much of it a server on this machine was started with is another matter.
            context_window: context_window.or(window.filter(|_| !is_local)),
            max_output: max_output_tokens.or(output.filter(|_| !is_local)),
            output_limit: max_output_tokens,
            price: users.or(if is_local { Some(FREE) } else { price }),
            strength: strength(is_strong, public),
            is_local,
            ..Facts::default()
        }
    }

    /// What these tokens cost, in USD.
    pub fn cost(&self, usage: &Usage) -> Option<f64> {
        self.known().price.map(|price| cost(&price, usage))
    }
}
