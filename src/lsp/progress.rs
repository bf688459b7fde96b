//! Work-done progress of a run: create, begin, reports, and exactly one end, which is sent when the guard is dropped,
//! whatever happens.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tower_lsp::{
    Client,
    lsp_types::{
        NumberOrString, ProgressParams, ProgressParamsValue, WorkDoneProgress, WorkDoneProgressBegin,
        WorkDoneProgressCreateParams, WorkDoneProgressEnd, WorkDoneProgressReport, request::WorkDoneProgressCreate,
    },
};

use super::{outbox::Outbox, server::Shared};

/// A client that doesn't answer gets no progress, and the run goes on.
const CREATE_TIMEOUT: Duration = Duration::from_secs(2);
/// Reports that may follow each other at once, so that short runs show each step.
const BURST: f64 = 24.0;
/// After that, reports a second.
const RATE: f64 = 1.0;

/// An open progress; dropping it sends the end.
pub struct Progress {
    outbox: Outbox,
    shared: Arc<Shared>,
    number: u32,
    allowance: Mutex<Allowance>,
    outcome: Mutex<Option<String>>,
}

struct Allowance {
    reports: f64,
    since: Instant,
}

impl Progress {
    /// `None` for a client without work-done progress.
    pub async fn begin(shared: &Arc<Shared>, client: &Client, outbox: &Outbox, run: &str, title: &str) -> Option<Self> {
        let number = {
            let mut state = shared.state();
            if !state.client.progress {
                return None;
            }
            // A token whose end got lost leaves a spinner in Helix, which only the same token clears: so they are few.
            let free = (1..).find(|number| !state.tokens.contains_key(number)).unwrap_or(u32::MAX);
            state.tokens.insert(free, run.to_owned());
            free
        };
        let params = WorkDoneProgressCreateParams { token: token(number) };
        let (client, before) = (client.clone(), outbox.clone());
        // Spawned, because a reply to a request that nobody waits for any more upsets the framework.
        let create = tokio::spawn(async move {
            // A request goes its own way, and mustn't overtake the end of whoever had the token before.
            before.flush().await;
            client.send_request::<WorkDoneProgressCreate>(params).await
        });
        if !matches!(tokio::time::timeout(CREATE_TIMEOUT, create).await, Ok(Ok(Ok(())))) {
            shared.state().tokens.remove(&number);
            return None;
        }
        let begin = WorkDoneProgressBegin {
            title: title.to_owned(),
            cancellable: Some(true),
            message: None,
            percentage: Some(0),
        };
        let allowance = Mutex::new(Allowance { reports: BURST, since: Instant::now() });
        let (outbox, shared) = (outbox.clone(), shared.clone());
        let progress = Self { outbox, shared, number, allowance, outcome: Mutex::default() };
        progress.send(WorkDoneProgress::Begin(begin), false);
        Some(progress)
    }

    /// Says where the run is. Left out when reports come too fast.
    pub fn report(&self, message: String, percentage: u32) {
        {
            let mut allowance = self.allowance.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let earned = now.duration_since(allowance.since).as_secs_f64() * RATE;
            allowance.reports = (allowance.reports + earned).min(BURST);
            allowance.since = now;
            if allowance.reports < 1.0 {
                return;
            }
            allowance.reports -= 1.0;
        }
        let report = WorkDoneProgressReport {
            cancellable: Some(true),
            message: Some(message),
            percentage: Some(percentage.min(100)),
        };
        self.send(WorkDoneProgress::Report(report), true);
    }

    /// The message of the end.
    pub fn set_outcome(&self, message: String) {
        *self.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    fn send(&self, value: WorkDoneProgress, spare: bool) {
        let params = ProgressParams { token: token(self.number), value: ProgressParamsValue::WorkDone(value) };
        self.outbox.progress(params, spare);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let message = self.outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
        self.send(WorkDoneProgress::End(WorkDoneProgressEnd { message }), false);
        self.shared.state().tokens.remove(&self.number);
    }
}

fn token(number: u32) -> NumberOrString {
    NumberOrString::String(format!("{TOKEN_PREFIX}{number}"))
}

/// The number of a token of ours.
pub fn token_number(token: &NumberOrString) -> Option<u32> {
    match token {
        NumberOrString::String(text) => text.strip_prefix(TOKEN_PREFIX)?.parse().ok(),
        NumberOrString::Number(_) => None,
    }
}

const TOKEN_PREFIX: &str = "stepwright-";
