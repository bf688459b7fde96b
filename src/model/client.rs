//! One model at one server: key, gate, attempts. Knows no names and no wire's details.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use secrecy::SecretString;
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    config::Limits,
    engine::ports::{Facts, Finish, ModelError, Request, Usage},
    model::{
        calibration::Calibration,
        call::{self, Call, Timing},
        catalog::Target,
        connection::Connection,
        dialect::{Dialect, Prompt},
        discover,
        error::{Cause, Failure},
        form::Form,
        gate::{Gate, Permit},
        http::Http,
        key::Credential,
        ollama,
        output::{Ending, Output},
        retry::Patience,
        window,
    },
};

/// Requests side by side where nobody said how many.
pub const REMOTE_CONCURRENCY: usize = 4;
/// A server on this machine that doesn't tell its slots has one.
pub const LOCAL_CONCURRENCY: usize = 1;

const FIRST_BYTE_TIMEOUT: Duration = Duration::from_secs(120);
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A model on this machine may read a long prompt for minutes.
const LOCAL_TIMEOUT: Duration = Duration::from_secs(300);

/// For how long after a refusal of the key, or of more credit, nothing is sent: the rest of a batch would hear the same.
const REFUSAL_HOLDS: Duration = Duration::from_secs(2);

/// Answers requests for one target.
#[derive(Debug)]
pub struct Client {
    target: Target,
    http: Arc<Http>,
    first_byte: Duration,
    idle: Duration,
    concurrency: Option<usize>,
    patience: Patience,
    gate: OnceCell<Arc<Gate>>,
    /// What the server was found to take. Kept, so that it complains once.
    form: Mutex<Form>,
    calibration: Calibration,
    /// The last refusal that holds for every request.
    refused: Mutex<Option<(Instant, ModelError)>>,
    /// The context window as the server tells it, in tokens, once it was asked.
    window: OnceCell<Option<u64>>,
}

impl Client {
    pub fn new(target: Target, http: Arc<Http>, limits: &Limits, patience: Patience) -> Client {
        let is_local = target.address.is_loopback();
        let or = |set: Option<Duration>, remote| set.unwrap_or(if is_local { LOCAL_TIMEOUT } else { remote });
        Client {
            first_byte: or(limits.first_byte_timeout, FIRST_BYTE_TIMEOUT),
            idle: or(limits.idle_timeout, IDLE_TIMEOUT),
            concurrency: limits.concurrency,
            patience,
            gate: OnceCell::new(),
            form: Mutex::new(Form::new(&target.address)),
            calibration: Calibration::default(),
            refused: Mutex::default(),
            window: OnceCell::new(),
            target,
            http,
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What is known about the model by now. The server is asked for its window unless that is known of the vendor's own.
    pub async fn facts(&self) -> Facts {
        let known = self.target.known();
        let context_window = match known.context_window {
            Some(window) if !known.is_local => Some(window),
            public => window::told(&self.target, self.asked_window().await).or(public),
        };
        Facts { context_window, bytes_per_token: self.calibration.bytes_per_token(), ..known }
    }

    /// Requests side by side, if that is known yet.
    pub fn concurrency(&self) -> Option<usize> {
        self.gate.get().map(|gate| gate.ceiling())
    }

    /// Answers, and sends again what failed in passing.
    pub async fn answer(&self, request: &Request, output: &Output) -> Ending {
        match self.attempts(request, output).await {
            Ok((finish, usage)) => {
                let prompt = request.system.len() + request.shared.len() + request.prompt.len();
                self.calibration.learn(prompt as u64, usage.input);
                Ok((finish, Usage { cost: self.target.cost(&usage), ..usage }))
            }
            Err(Refused::Before(error)) => Err(error),
            Err(Refused::Now(failure)) => {
                let listed = match failure.cause {
                    Cause::NotFound => self.list().await.ok(),
                    _ => None,
                };
                let error = failure.tell(&self.target, listed.as_deref());
                if matches!(failure.cause, Cause::Auth | Cause::Quota) {
                    *self.refused.lock().unwrap_or_else(PoisonError::into_inner) =
                        Some((Instant::now(), error.clone()));
                }
                Err(error)
            }
        }
    }

    /// Tells whether a request could be sent, as far as this side is concerned.
    pub async fn check(&self) -> Result<(), ModelError> {
        self.key().await.map(|_| ()).map_err(|cause| Failure::new(cause).tell(&self.target, None))
    }

    /// The models that the server lists.
    pub async fn list(&self) -> Result<Vec<String>, Failure> {
        self.connect(async |connection| discover::list(&connection).await).await?
    }

    /// How many tokens fit into the model, prompt and answer together. Asks the server once, and takes the usual for what it doesn't
    /// tell; one that can't be reached is asked again the next time.
    pub async fn window(&self) -> u64 {
        window::resolve(&self.target, self.asked_window().await)
    }

    async fn asked_window(&self) -> Option<u64> {
        let ask = async || {
            let asked = self.connect(async |connection| window::ask(&connection, &self.target.model).await).await;
            asked.ok().flatten().ok_or(())
        };
        self.window.get_or_try_init(ask).await.ok().copied().flatten()
    }

    /// Does something over a connection with the key that belongs to it.
    pub async fn connect<T>(&self, act: impl AsyncFnOnce(Connection) -> T) -> Result<T, Failure> {
        let key = self.key().await.map_err(Failure::new)?;
        let http = self.http.client(&self.target.address).map_err(Failure::new)?;
        Ok(act(Connection { http, address: &self.target.address, key: key.as_ref() }).await)
    }

    async fn attempts(&self, request: &Request, output: &Output) -> Result<(Finish, Usage), Refused> {
        let gate = self.gate().await;
        let beginning = (!request.shared.is_empty()).then(|| hash(request));
        let mut deadline = None;
        let mut attempt = 1;
        let mut has_new_key = false;
        loop {
            let permit = gate.enter(beginning, output).await;
            if let Some(error) = self.refused_just_now() {
                return Err(Refused::Before(error));
            }
            // Queueing for other requests doesn't count; waiting for the server does.
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.patience.call);
            tracing::debug!("asks `{}` for `{}`, attempt {attempt}", self.target.name(), request.step);
            let failure = match self.attempt(request, output, deadline, &permit).await {
                Ok(whole) => {
                    tracing::debug!("`{}` answered: {:?}", self.target.name(), whole.1);
                    permit.succeeded();
                    return Ok(whole);
                }
                Err(failure) => failure,
            };
            tracing::debug!("no answer from `{}`: {}", self.target.name(), failure.what(&self.target));
            // Keys that a command prints may live for minutes, and this one may have been asked for before that.
            let is_old_key =
                failure.cause == Cause::Auth && matches!(*self.target.credential, Credential::Command { .. });
            if is_old_key {
                self.target.credential.forget();
                if !std::mem::replace(&mut has_new_key, true) {
                    continue;
                }
            }
            if !failure.is_passing() || attempt >= self.patience.attempts {
                return Err(failure.into());
            }
            let wait = failure.retry_after.unwrap_or_else(|| self.patience.backoff(attempt));
            if wait > self.patience.longest_wait {
                return Err(Failure { cause: Cause::ComeBack(wait), ..failure }.into());
            }
            if Instant::now() + wait > deadline {
                return Err(failure.into());
            }
            if matches!(failure.cause, Cause::RateLimit | Cause::Overloaded) {
                permit.overloaded(wait);
            }
            drop(permit);
            attempt += 1;
            output.waiting(
                wait,
                format!("{} (attempt {attempt} of {} follows)", failure.what(&self.target), self.patience.attempts),
            );
            tokio::time::sleep(wait).await;
        }
    }

    /// Sends the request, and once more for each parameter that the server doesn't take.
    async fn attempt(
        &self,
        request: &Request,
        output: &Output,
        deadline: Instant,
        permit: &Permit,
    ) -> Result<(Finish, Usage), Failure> {
        let key = self.key().await.map_err(Failure::new)?;
        let http = self.http.client(&self.target.address).map_err(Failure::new)?;
        let connection = Connection { http, address: &self.target.address, key: key.as_ref() };
        let timing = Timing { first_byte: self.first_byte, idle: self.idle, call: self.patience.call, deadline };
        loop {
            let form = self.form_for(request);
            let wanted = request.max_output.or(self.target.facts.max_output_tokens);
            let longest = [wanted, form.longest_answer].into_iter().flatten().min();
            let prompt = Prompt { model: &self.target.model, request, max_output_tokens: longest, form };
            let bytes_per_token = self.calibration.bytes_per_token();
            let call = Call { connection, prompt, timing, bytes_per_token };
            let failure = match call.run(output, || permit.began()).await {
                Ok(whole) => return Ok(whole),
                Err(failure) => failure,
            };
            if !self.adapt(form, &failure) {
                return Err(failure);
            }
        }
    }

    /// What this request is sent with.
    fn form_for(&self, request: &Request) -> Form {
        let mut form = self.form.lock().unwrap_or_else(PoisonError::into_inner);
        if self.target.address.dialect() == Dialect::Ollama {
            let own = call::tokens(&request.prompt);
            let facts = &self.target.facts;
            form.grow(ollama::context(
                call::estimate(request, self.calibration.bytes_per_token()),
                own,
                facts.max_output_tokens,
                facts.context_window,
            ));
        }
        *form
    }

    /// Learns from what the server said about a request of this form. `false` if there is nothing to do differently.
    fn adapt(&self, sent: Form, failure: &Failure) -> bool {
        let mut adapted = sent;
        let adapts = match &failure.cause {
            _ if failure.is_late => false,
            Cause::UnsupportedParameter(parameter) => adapted.adapt(parameter.as_deref(), &failure.said),
            Cause::OutputLimit(most) => adapted.shorten(*most),
            Cause::TooLong => {
                // Our estimate was too low: there may be room.
                let largest = self.target.facts.context_window.unwrap_or(ollama::LARGEST_CONTEXT);
                sent.context.is_some_and(|context| adapted.grow((context * 2).min(largest)))
            }
            _ => false,
        };
        if adapts {
            *self.form.lock().unwrap_or_else(PoisonError::into_inner) = adapted;
        }
        adapts
    }

    fn refused_just_now(&self) -> Option<ModelError> {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.as_ref().filter(|(when, _)| when.elapsed() < REFUSAL_HOLDS).map(|(_, error)| error.clone())
    }

    async fn key(&self) -> Result<Option<SecretString>, Cause> {
        match self.target.lacks_key() {
            true => Err(Cause::Key("its key isn't set".to_owned())),
            false => self.target.credential.read().await.map_err(Cause::Key),
        }
    }

    /// The gate. Its width is asked for when the first request needs it.
    async fn gate(&self) -> &Arc<Gate> {
        let open = || async {
            let width = match self.concurrency {
                Some(concurrency) => concurrency,
                None if self.target.address.is_loopback() => self.slots().await.unwrap_or(LOCAL_CONCURRENCY),
                None => REMOTE_CONCURRENCY,
            };
            Gate::new(width)
        };
        self.gate.get_or_init(open).await
    }

    async fn slots(&self) -> Option<usize> {
        self.connect(async |connection| discover::slots(&connection).await).await.ok().flatten()
    }
}

/// Why there is no answer.
enum Refused {
    Now(Failure),
    /// As another request was refused a moment ago; nothing was sent.
    Before(ModelError),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Refused {
        Refused::Now(failure)
    }
}

/// Of what stands before the breakpoint.
fn hash(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&request.system, &request.shared).hash(&mut hasher);
    hasher.finish()
}
