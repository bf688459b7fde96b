//! What runs may cost. Money is set aside before a request is sent, so that requests side by side can't pass a cap together.
//!
//! Knows neither models nor where the day's total is kept: who does tells it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::sync::Notify;

use super::{
    Run,
    error::StepError,
    event::Kind,
    money::{cost, money},
    ports::{Facts, Request, Usage},
    prompt,
    request::prompt_tokens,
};
use crate::{
    config::{Limits, Price, UnknownPrice},
    workflow::{Role, Step},
};

/// An answer that isn't known to be longer gets at least as many tokens; with fewer there is no use in asking.
const LEAST_OUTPUT: u64 = 1024;
/// And that many, thinking included, as long as the cap allows for them.
const USUAL_OUTPUT: u64 = 32_768;
/// Times the length of the file that an answer replaces.
const USUAL_REWRITE: u64 = 4;
/// What sums of money are off by, being sums of binary fractions.
const ROUNDING: f64 = 1e-9;

/// What a run is told about money.
#[derive(Clone, Default)]
pub struct Spending {
    pub caps: Caps,
    /// The same for all runs of a process.
    pub day: Arc<Day>,
}

/// USD; `None`: no cap.
#[derive(Clone, Debug, PartialEq)]
pub struct Caps {
    pub per_run: Option<f64>,
    pub per_day: Option<f64>,
    pub unknown_price: UnknownPrice,
}

/// The day's money: what is spent, and what is set aside by requests that are under way.
#[derive(Default)]
pub struct Day {
    /// The day, and what was spent on it as far as is known.
    total: Mutex<(u64, f64)>,
    reserved: Mutex<f64>,
    /// Wakes who waits for money that is set aside.
    released: Notify,
}

/// One run's money.
pub struct Purse {
    spending: Spending,
    own: Mutex<Own>,
}

struct Own {
    spent: f64,
    reserved: f64,
}

/// Money that is set aside for one request. Dropping it gives back what the request didn't cost.
pub struct Held<'a> {
    /// Tokens that the answer may have, where that isn't settled anyway.
    pub limit: Option<u64>,
    purse: &'a Purse,
    facts: Facts,
    input: u64,
    amount: f64,
    /// Bytes of the answer so far.
    received: AtomicU64,
    cost: Mutex<Option<f64>>,
}

impl Caps {
    pub fn is_none(&self) -> bool {
        self.per_run.is_none() && self.per_day.is_none()
    }
}

impl Default for Caps {
    fn default() -> Self {
        Self { per_run: None, per_day: None, unknown_price: UnknownPrice::Run }
    }
}

impl From<&Limits> for Caps {
    fn from(limits: &Limits) -> Self {
        let Limits { max_cost_per_run: per_run, max_cost_per_day: per_day, unknown_price, .. } = limits.clone();
        Self { per_run, per_day, unknown_price }
    }
}

/// The length of a day; days are those of UTC.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Day {
    /// When today began.
    pub fn began() -> SystemTime {
        let days = u32::try_from(today()).unwrap_or(u32::MAX);
        SystemTime::UNIX_EPOCH + DAY * days
    }

    /// What others spent counts as well: `total` is what all together have spent today.
    pub fn learn(&self, total: f64) {
        let mut known = self.total();
        known.1 = known.1.max(total);
    }

    fn spent(&self) -> f64 {
        self.total().1
    }

    fn add(&self, cost: f64) {
        self.total().1 += cost;
    }

    /// Today's total, and nothing of yesterday's.
    fn total(&self) -> MutexGuard<'_, (u64, f64)> {
        let (today, mut total) = (today(), lock(&self.total));
        if total.0 != today {
            *total = (today, 0.0);
        }
        total
    }
}

/// Days since 1970.
fn today() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs() / DAY.as_secs()
}

impl Purse {
    /// `spent`: what the run has cost before, in USD.
    pub fn new(spending: Spending, spent: f64) -> Self {
        Self { spending, own: Mutex::new(Own { spent, reserved: 0.0 }) }
    }

    /// What is left of each cap, the run's first.
    pub fn left(&self) -> [Option<f64>; 2] {
        let Spending { caps, day } = &self.spending;
        [caps.per_run.map(|cap| cap - lock(&self.own).spent), caps.per_day.map(|cap| cap - day.spent())]
    }

    /// Sets aside what a request with a prompt of `input` tokens can cost at the most; waits for what others have set aside, if that is
    /// what stands in the way. The answer is worth asking for with `needed` tokens, and should be allowed `wanted`.
    async fn hold(&self, facts: Facts, input: u64, needed: u64, wanted: u64) -> Result<Held<'_>, String> {
        let held = |limit, facts, amount| Held {
            limit,
            purse: self,
            facts,
            input,
            amount,
            received: AtomicU64::new(0),
            cost: Mutex::default(),
        };
        let Some(price) = facts.price.filter(|_| !self.spending.caps.is_none()) else {
            return Ok(held(None, facts, 0.0));
        };
        let cost = |output: u64| cost(&price, &Usage { input, output, ..Usage::default() });
        loop {
            let released = self.spending.day.released.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            {
                let mut own = lock(&self.own);
                let mut reserved = lock(&self.spending.day.reserved);
                let left = self.free(&own);
                let beyond = |set_aside: [f64; 2]| {
                    let least = cost(needed);
                    let passes = |(free, aside): (&Free, f64)| least > 0.0 && free.left - aside + ROUNDING < least;
                    left.iter().zip(set_aside).position(passes)
                };
                match (beyond([0.0; 2]), beyond([own.reserved, *reserved])) {
                    (Some(at), _) => return Err(left[at].told()),
                    (None, Some(_)) => {}
                    (None, None) => {
                        let free = (left[0].left - own.reserved).min(left[1].left - *reserved);
                        // From a float that is too large for it, a cast makes the largest integer.
                        let affordable = ((free - cost(0) + ROUNDING).max(0.0) / cost_of_output(&price)) as u64;
                        let limit = if price.output > 0.0 { wanted.min(affordable.max(needed)) } else { wanted };
                        own.reserved += cost(limit);
                        *reserved += cost(limit);
                        let told = facts.output_limit.is_none().then_some(limit);
                        return Ok(held(told, facts, cost(limit)));
                    }
                }
            }
            released.await;
        }
    }

    fn free(&self, own: &Own) -> [Free; 2] {
        let Spending { caps, day } = &self.spending;
        let free = |name, cap: Option<f64>, spent| Free {
            name,
            cap: cap.unwrap_or(f64::INFINITY),
            spent,
            left: cap.map_or(f64::INFINITY, |cap| cap - spent),
        };
        [free("max-cost-per-run", caps.per_run, own.spent), free("max-cost-per-day", caps.per_day, day.spent())]
    }
}

/// How much of a cap there is.
struct Free {
    name: &'static str,
    cap: f64,
    spent: f64,
    left: f64,
}

impl Free {
    /// The same for all requests that it stops, so that it needs to be said only once.
    fn told(&self) -> String {
        let Self { name, cap, spent, .. } = self;
        let when = if *name == "max-cost-per-day" { "was spent today" } else { "is spent" };
        format!(
            "`{name}` allows {}, of which {} {when}, and the next request could cost more than the rest; raise `{name}` in `[limits]` of \
             your configuration file, or choose a cheaper model",
            money(*cap),
            money(*spent)
        )
    }
}

impl Held<'_> {
    /// A piece of the answer has come.
    pub fn receive(&self, piece: &str) {
        self.received.fetch_add(piece.len() as u64, Ordering::Relaxed);
    }

    /// The answer's usage, with an estimate where the server doesn't count.
    pub fn settle(&self, usage: Usage) -> Usage {
        let usage = match usage {
            Usage { input: 0, output: 0, .. } => {
                let estimate = self.estimate();
                Usage { cost: self.facts.price.map(|price| cost(&price, &estimate)), ..estimate }
            }
            counted => counted,
        };
        *lock(&self.cost) = usage.cost;
        usage
    }

    /// By what came of the answer.
    fn estimate(&self) -> Usage {
        let output = super::budget::tokens(self.received.load(Ordering::Relaxed), &self.facts);
        Usage { input: self.input, output, ..Usage::default() }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        // What was broken off is paid for as well, as far as it came.
        let broken_off = || match (self.facts.price, self.received.load(Ordering::Relaxed)) {
            (Some(price), 1..) => cost(&price, &self.estimate()),
            _ => 0.0,
        };
        let cost = lock(&self.cost).unwrap_or_else(broken_off);
        let day = &self.purse.spending.day;
        {
            let mut own = lock(&self.purse.own);
            let mut reserved = lock(&day.reserved);
            own.spent += cost;
            own.reserved = (own.reserved - self.amount).max(0.0);
            *reserved = (*reserved - self.amount).max(0.0);
            day.add(cost);
        }
        day.released.notify_waiters();
    }
}

impl Run {
    /// Sets money aside for a request of a step. The error tells which cap it would pass.
    pub(super) async fn hold(&self, id: u32, request: &Request) -> Result<Held<'_>, StepError> {
        let facts = self.facts(request.role).await?;
        let input = prompt_tokens(request, &facts);
        let expected = self.state().steps[id as usize - 1].expected;
        let most = facts.max_output.unwrap_or(u64::MAX);
        let wanted = USUAL_OUTPUT.max(expected.saturating_mul(USUAL_REWRITE)).min(most);
        let (needed, wanted) = match facts.output_limit {
            Some(limit) => (limit, limit),
            None => (LEAST_OUTPUT.max(expected).min(wanted), wanted),
        };
        self.effect(async { self.purse.hold(facts, input, needed, wanted).await.map_err(StepError::Capped) }).await
    }

    /// A cap can't be kept with a model whose price nobody knows. Says so, or refuses, as the user wants.
    pub(super) async fn check_prices(&self) -> Result<(), StepError> {
        let caps = &self.ports.spending.caps;
        if caps.is_none() {
            return Ok(());
        }
        let mut named = Vec::new();
        for role in [Role::Main, Role::Fast].into_iter().filter(|role| self.uses(&self.job.workflow.steps, *role)) {
            // What is wrong with a model is told by the step that needs it.
            let Ok(facts) = self.facts(role).await else { continue };
            if facts.price.is_some() || named.contains(&facts.name) {
                continue;
            }
            let remedy = format!("set `price` in `[models.\"{}\"]`", facts.name);
            if caps.unknown_price == UnknownPrice::Refuse {
                let cause = format!(
                    "nobody knows what `{}` costs, and `unknown-price` is `refuse`; {remedy}, or choose another model",
                    facts.name
                );
                return Err(StepError::Refused(cause));
            }
            let text = format!(
                "{}: nobody knows what `{}` costs, so the cost cap can't be kept; {remedy}",
                self.job.name(),
                facts.name
            );
            self.report(Kind::Warning(text));
            named.push(facts.name);
        }
        Ok(())
    }

    /// Whether a step that may be part of this run sends requests in this role.
    fn uses(&self, steps: &[Step], role: Role) -> bool {
        steps.iter().any(|step| match step {
            Step::ForEach(each) => self.uses(&each.steps, role),
            Step::Chat(chat) if chat.summary && !self.job.summary => false,
            Step::Check(_) if self.ports.checker.is_none() => false,
            step => step.role() == Some(role),
        })
    }

    /// What is said of an answer that was cut off.
    pub(super) fn cut_off(request: &Request) -> String {
        match request.max_output {
            Some(limit) => format!(
                "it was cut off at {limit} tokens, the most that was allowed for within the cost cap; ask for less at a time, or raise \
                 the cap in `[limits]`"
            ),
            None => prompt::CUT_OFF.to_owned(),
        }
    }
}

fn cost_of_output(price: &Price) -> f64 {
    cost(price, &Usage { output: 1, ..Usage::default() })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
