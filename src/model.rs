//! Models behind the `Model` port: names, providers, and what is wrong with them.
//!
//! Knows HTTP and keys; knows no workflow and no document. Nothing is read, asked or built before the first request: a server starts
//! as fast without a network as with one.

pub mod address;
pub mod answer;
pub mod anthropic;
mod calibration;
pub mod call;
pub mod catalog;
pub mod client;
pub mod connection;
pub mod dialect;
pub mod discover;
pub mod error;
mod facts;
pub mod form;
pub mod gate;
pub mod health;
pub mod http;
pub mod key;
mod listing;
pub mod ollama;
pub mod openai;
pub mod output;
pub mod record;
pub mod redact;
pub mod replay;
pub mod retry;
pub mod stream;
pub mod vendor;
pub mod window;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use futures::{
    FutureExt,
    future::{self, BoxFuture},
    stream::{BoxStream, StreamExt},
};
use tokio::sync::OnceCell;

use crate::{
    config::{Limits, Settings},
    engine::{
        money::cost,
        ports::{Delta, Facts, Model, ModelError, ModelErrorKind, Request, Usage},
    },
    workflow::Role,
};

use address::Address;
use catalog::{Catalog, Choice, Server, Target};
use client::Client;
use dialect::Dialect;
use http::Http;
use output::{Ending, Output};
use record::{Documents, Recorder};
use retry::Patience;

/// Names the file that real answers are recorded in.
const RECORD_VARIABLE: &str = "STEPWRIGHT_RECORD";
/// `0` leaves the texts of documents out of it.
const DOCUMENTS_VARIABLE: &str = "STEPWRIGHT_RECORD_DOCUMENTS";

/// What tests make smaller.
#[derive(Clone, Debug)]
pub struct Tuning {
    pub patience: Patience,
    /// Where model servers on this machine are looked for.
    pub ports: Vec<u16>,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning { patience: Patience::default(), ports: discover::PORTS.to_vec() }
    }
}

/// Connects the port to what the user configured. Never fails: what is wrong is said when a step needs the model.
pub fn connect(settings: &Settings, environment: &dyn Fn(&str) -> Option<String>) -> Arc<dyn Model> {
    connect_tuned(settings, environment, Tuning::default())
}

/// As [`connect`], with other waits and ports.
pub fn connect_tuned(
    settings: &Settings,
    environment: &dyn Fn(&str) -> Option<String>,
    tuning: Tuning,
) -> Arc<dyn Model> {
    Arc::new(Router::new(settings, environment, tuning))
}

/// Tells which model a run would use (`provider/model`, or `replay`), or why it can't. `model` is what the user named, if anything. Looks for
/// servers on this machine and reads keys and replay files; sends no prompt.
pub fn check(
    settings: &Settings,
    environment: &dyn Fn(&str) -> Option<String>,
    model: Option<&str>,
) -> impl Future<Output = Result<String, ModelError>> + Send + use<> {
    let router = Router::new(settings, environment, Tuning::default());
    let request = Request { model: model.map(str::to_owned), ..Request::default() };
    async move { router.check(&request).await }
}

/// Sends each request to the model it names.
struct Router {
    catalog: Catalog,
    limits: Limits,
    tuning: Tuning,
    http: Arc<Http>,
    /// By `provider/model`: one gate for each, however many runs there are.
    clients: Mutex<HashMap<String, Arc<Client>>>,
    /// What a provider without a chosen model lists first.
    listed: OnceCell<Arc<Client>>,
    /// What was found on this machine.
    found: OnceCell<Arc<Client>>,
    /// By family: the newest models where nobody chose one.
    newest: Mutex<HashMap<&'static str, Arc<Client>>>,
    recorder: Option<Recorder>,
}

impl Router {
    fn new(settings: &Settings, environment: &dyn Fn(&str) -> Option<String>, mut tuning: Tuning) -> Router {
        let ollama = environment(vendor::OLLAMA_HOST).filter(|host| !host.trim().is_empty());
        let ollama = ollama.and_then(|host| Address::parse(&vendor::ollama_address(&host), Dialect::Ollama).ok());
        tuning.ports.extend(ollama.and_then(|address| address.local_port()));
        let record = environment(RECORD_VARIABLE).filter(|file| !file.is_empty());
        let documents = match environment(DOCUMENTS_VARIABLE).as_deref().map(str::trim) {
            Some("0" | "false" | "no" | "off") => Documents::LeftOut,
            _ => Documents::Kept,
        };
        Router {
            catalog: Catalog::new(settings, environment),
            limits: settings.limits.clone(),
            tuning,
            http: Arc::default(),
            clients: Mutex::default(),
            listed: OnceCell::new(),
            found: OnceCell::new(),
            newest: Mutex::default(),
            recorder: record.map(|file| Recorder::new(file.into(), documents)),
        }
    }

    async fn check(&self, request: &Request) -> Result<String, ModelError> {
        let server = match self.catalog.choose(request)? {
            Choice::Server(server) => server,
            Choice::Replay(file) => return replay::load(&file).map(|_| catalog::REPLAY.to_owned()),
        };
        let client = self.client(server).await?;
        client.check().await?;
        Ok(client.target().name())
    }

    async fn answer_with(&self, server: Server, request: &Request, output: &Output) -> Ending {
        self.client(server).await?.answer(request, output).await
    }

    async fn client(&self, server: Server) -> Result<Arc<Client>, ModelError> {
        Ok(match server {
            Server::Model(target) => match target.family {
                Some(family) => self.newest(*target, family).await,
                None => self.client_for(*target),
            },
            Server::Listed(target) => self.listed.get_or_try_init(|| self.first_listed(*target)).await?.clone(),
            Server::Discovered => self.found.get_or_try_init(|| self.discover()).await?.clone(),
        })
    }

    fn client_for(&self, target: Target) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let name = target.name();
        let client = || Arc::new(Client::new(target, self.http.clone(), &self.limits, self.tuning.patience));
        clients.entry(name).or_insert_with(client).clone()
    }

    /// The client for what a server on this machine serves.
    async fn first_listed(&self, server: Target) -> Result<Arc<Client>, ModelError> {
        let listed = Client::new(server.clone(), self.http.clone(), &self.limits, self.tuning.patience).list().await;
        let Some(model) = listed.ok().as_deref().and_then(discover::pick) else {
            let message = format!(
                "failed to ask `{}` for its models at {}: is the server running? Else set `main = \"{}/…\"` in `[roles]`",
                server.provider, server.address, server.provider
            );
            return Err(ModelError { kind: ModelErrorKind::Unavailable, message });
        };
        let facts = self.catalog.facts(&format!("{}/{model}", server.provider));
        Ok(self.client_for(Target { model, facts, ..server }))
    }

    /// The client for the newest model of a family. A server that doesn't list any is asked for the one that we know.
    async fn newest(&self, known: Target, family: &'static str) -> Arc<Client> {
        let newest = || self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = newest().get(family).cloned() {
            return client;
        }
        let listed = Client::new(known.clone(), self.http.clone(), &self.limits, self.tuning.patience).list().await;
        // Lists of those who retire models begin with the newest.
        let model = listed.ok().and_then(|listed| listed.into_iter().find(|model| model.contains(family)));
        let Some(model) = model else {
            return self.client_for(Target { family: None, ..known });
        };
        let facts = self.catalog.facts(&format!("{}/{model}", known.provider));
        let client = self.client_for(Target { model, facts, family: None, ..known });
        newest().insert(family, client.clone());
        client
    }

    async fn discover(&self) -> Result<Arc<Client>, ModelError> {
        let http = self.http.plain().map_err(|_| self.catalog.nothing_found())?;
        let target = discover::find(http, &self.tuning.ports).await.ok_or_else(|| self.catalog.nothing_found())?;
        let facts = self.catalog.facts(&target.name());
        Ok(self.client_for(Target { facts, ..target }))
    }

    /// The one that the main role uses, if it was used yet.
    fn main_client(&self) -> Option<Arc<Client>> {
        match self.catalog.choose(&Request::default()).ok()? {
            Choice::Server(server) => self.known_client(&server),
            Choice::Replay(_) => None,
        }
    }

    /// The one for a server, if it was used yet.
    fn known_client(&self, server: &Server) -> Option<Arc<Client>> {
        match server {
            Server::Model(target) => match target.family {
                Some(family) => self.newest.lock().unwrap_or_else(PoisonError::into_inner).get(family).cloned(),
                None => self.clients.lock().unwrap_or_else(PoisonError::into_inner).get(&target.name()).cloned(),
            },
            Server::Listed(_) => self.listed.get().cloned(),
            Server::Discovered => self.found.get().cloned(),
        }
    }
}

impl Model for Router {
    fn answer(&self, request: Request) -> BoxStream<'_, Result<Delta, ModelError>> {
        match self.catalog.choose(&request) {
            Err(error) => future::ready(Err(error)).into_stream().boxed(),
            Ok(Choice::Replay(file)) => {
                let price = self.catalog.replay_facts(&request).price;
                output::stream(move |output| async move {
                    let (finish, usage) = replay::answer(&file, &request, &output).await?;
                    Ok((finish, Usage { cost: price.map(|price| cost(&price, &usage)), ..usage }))
                })
            }
            Ok(Choice::Server(server)) => {
                let recorded = self.recorder.as_ref().map(|recorder| (recorder, request.clone()));
                let answer = output::stream(|output| async move { self.answer_with(server, &request, &output).await });
                match recorded {
                    Some((recorder, request)) => recorder.record(answer, &request, || self.catalog.keys().collect()),
                    None => answer,
                }
            }
        }
    }

    fn concurrency(&self) -> usize {
        let known = || self.main_client().and_then(|client| client.concurrency());
        let usual = || if self.catalog.is_local() { client::LOCAL_CONCURRENCY } else { client::REMOTE_CONCURRENCY };
        self.limits.concurrency.or_else(known).unwrap_or_else(usual).max(1)
    }

    fn knows(&self, name: &str) -> bool {
        self.catalog.knows(name)
    }

    fn main_name(&self) -> Option<String> {
        match self.catalog.choose(&Request::default()).ok()? {
            Choice::Replay(_) => Some(catalog::REPLAY.to_owned()),
            Choice::Server(Server::Model(target)) if target.family.is_none() => Some(target.name()),
            Choice::Server(server) => self.known_client(&server).map(|client| client.target().name()),
        }
    }

    fn listed(&self) -> BoxFuture<'_, Vec<String>> {
        self.list_all().boxed()
    }

    fn facts<'a>(&'a self, role: Role, model: Option<&'a str>) -> BoxFuture<'a, Result<Facts, ModelError>> {
        let request = Request { role, model: model.map(str::to_owned), ..Request::default() };
        async move {
            match self.catalog.choose(&request)? {
                Choice::Server(server) => Ok(self.client(server).await?.facts().await),
                Choice::Replay(_) => Ok(self.catalog.replay_facts(&request)),
            }
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
