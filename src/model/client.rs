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
        catalog::Target,
        discover,
        error::{Cause, Failure},
        gate::{Gate, Permit},
        http::Http,
        openai::{Call, Form, Timing},
        output::{Ending, Output},
        retry::Patience,
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
            target,
            http,
        }
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What is known about the model by now.
    pub fn facts(&self) -> Facts {
        Facts { bytes_per_token: self.calibration.bytes_per_token(), ..self.target.known() }
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
            Err(failure) => {
                let listed = match failure.cause {
                    Cause::NotFound => self.list().await,
                    _ => None,
                };
                Err(failure.tell(&self.target, listed.as_deref()))
            }
        }
    }

    /// Tells whether a request could be sent, as far as this side is concerned.
    pub async fn check(&self) -> Result<(), ModelError> {
        self.key().await.map(|_| ()).map_err(|cause| Failure::new(cause).tell(&self.target, None))
    }

    /// The models that the server lists.
    pub async fn list(&self) -> Option<Vec<String>> {
        let key = self.target.credential.read().await.ok()?;
        discover::list(self.http.client(&self.target.address).ok()?, &self.target.address, key.as_ref()).await
    }

    async fn attempts(&self, request: &Request, output: &Output) -> Result<(Finish, Usage), Failure> {
        let gate = self.gate().await;
        let beginning = (!request.shared.is_empty()).then(|| hash(request));
        let mut deadline = None;
        let mut attempt = 1;
        loop {
            let permit = gate.enter(beginning, output).await;
            // Queueing for other requests doesn't count; waiting for the server does.
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + self.patience.call);
            let failure = match self.attempt(request, output, deadline, &permit).await {
                Ok(whole) => {
                    permit.succeeded();
                    return Ok(whole);
                }
                Err(failure) => failure,
            };
            if failure.cause == Cause::Auth {
                self.target.credential.forget();
            }
            if !failure.is_passing() || attempt >= self.patience.attempts {
                return Err(failure);
            }
            let wait = failure.retry_after.unwrap_or_else(|| self.patience.backoff(attempt));
            if wait > self.patience.longest_wait {
                return Err(Failure { cause: Cause::ComeBack(wait), ..failure });
            }
            if Instant::now() + wait > deadline {
                return Err(failure);
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
        let timing = Timing { first_byte: self.first_byte, idle: self.idle, call: self.patience.call, deadline };
        loop {
            let form = *self.form.lock().unwrap_or_else(PoisonError::into_inner);
            let call = Call {
                http,
                address: &self.target.address,
                key: key.as_ref(),
                model: &self.target.model,
                max_output_tokens: request.max_output.or(self.target.facts.max_output_tokens),
                bytes_per_token: self.calibration.bytes_per_token(),
                form,
                request,
                timing,
            };
            let failure = match call.run(output, || permit.began()).await {
                Ok(whole) => return Ok(whole),
                Err(failure) => failure,
            };
            let Cause::UnsupportedParameter(parameter) = &failure.cause else {
                return Err(failure);
            };
            // Every turn takes something away for good, so this ends.
            let mut adapted = form;
            if !adapted.adapt(parameter.as_deref(), &failure.said) {
                return Err(failure);
            }
            *self.form.lock().unwrap_or_else(PoisonError::into_inner) = adapted;
        }
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
        let key = self.target.credential.read().await.ok()?;
        discover::slots(self.http.client(&self.target.address).ok()?, &self.target.address, key.as_ref()).await
    }
}

/// Of what stands before the breakpoint.
fn hash(request: &Request) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&request.system, &request.shared).hash(&mut hasher);
    hasher.finish()
}
