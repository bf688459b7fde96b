//! When to send a request again, and when to give up. Pure: waits are the caller's.

use std::{
    hash::{BuildHasher, RandomState},
    time::{Duration, SystemTime},
};

use reqwest::header::HeaderMap;

/// How patient the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Requests sent for one answer, at most.
    pub attempts: u32,
    /// Before the second attempt, when the server names no time. Doubles with each attempt.
    pub first_wait: Duration,
    pub longest_backoff: Duration,
    /// A server that asks for more than this is not waited for.
    pub longest_wait: Duration,
    /// One answer, from its first request to its end.
    pub call: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            attempts: 4,
            first_wait: Duration::from_millis(500),
            longest_backoff: Duration::from_secs(8),
            longest_wait: Duration::from_secs(5 * 60),
            call: Duration::from_secs(15 * 60),
        }
    }
}

impl Patience {
    /// How long to wait after attempt number `attempt` (from 1) failed, when the server named no time: between half and all of the
    /// doubled wait, so that clients that failed together don't return together.
    pub fn backoff(&self, attempt: u32) -> Duration {
        let doubled = self.first_wait.saturating_mul(1 << attempt.saturating_sub(1).min(16));
        // A fresh hasher is seeded by the system; nothing here needs better randomness.
        let random = RandomState::new().hash_one(attempt) as f64 / u64::MAX as f64;
        doubled.min(self.longest_backoff).mul_f64(0.5 + random / 2.0)
    }
}

/// Reads `retry-after-ms`, else `retry-after`: seconds, with or without a fraction, or an HTTP date. `None` when absent or nonsense.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let milliseconds =
        header("retry-after-ms").and_then(|text| text.parse::<f64>().ok()).and_then(|number| seconds(number / 1000.0));
    milliseconds.or_else(|| {
        let text = header("retry-after")?;
        match text.parse::<f64>() {
            Ok(number) => seconds(number),
            Err(_) => httpdate::parse_http_date(text).ok().map(|date| date.duration_since(now).unwrap_or_default()),
        }
    })
}

/// Reads a duration as Google's JSON writes it: `"34.07s"`.
pub fn retry_delay(text: &str) -> Option<Duration> {
    seconds(text.trim().strip_suffix('s')?.parse().ok()?)
}

fn seconds(number: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_of_retry_after() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2026 07:28:00 GMT").unwrap();
        let check = |name: &'static str, value: &str, expected: Option<f64>| {
            let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), expected.map(Duration::from_secs_f64), "{name}: {value}");
        };
        check("retry-after-ms", "6500", Some(6.5));
        check("retry-after-ms", "-1", None);
        check("retry-after", "7", Some(7.0));
        check("retry-after", "1.5", Some(1.5));
        check("retry-after", "0", Some(0.0));
        check("retry-after", "-5", None);
        check("retry-after", "1e9", Some(1e9));
        check("retry-after", "inf", None);
        check("retry-after", "NaN", None);
        check("retry-after", "soon", None);
        check("retry-after", "Wed, 21 Oct 2026 07:29:30 GMT", Some(90.0));
        check("retry-after", "Wed, 21 Oct 2020 07:28:00 GMT", Some(0.0));
        assert_eq!(retry_delay("34.5s"), Some(Duration::from_millis(34_500)));
        assert_eq!(retry_delay("34"), None);
    }

    #[test]
    fn backoff_doubles_within_its_bounds() {
        let patience = Patience::default();
        for (attempt, most) in [(1, 0.5), (2, 1.0), (3, 2.0), (5, 8.0), (60, 8.0)] {
            let wait = patience.backoff(attempt).as_secs_f64();
            assert!((most / 2.0..=most).contains(&wait), "attempt {attempt}: {wait} s");
        }
    }
}
