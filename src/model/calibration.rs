//! How many bytes a model's tokens have, learned from what its server counts. Kept in memory; every model has its own.

use std::sync::{Mutex, PoisonError};

use crate::engine::ports::BYTES_PER_TOKEN;

/// Shorter prompts are mostly what the server adds to them.
const WORTH_LEARNING_TOKENS: u64 = 200;
/// What a new count weighs against those before.
const WEIGHT: f64 = 0.3;
/// What lies outside is a miscount, or a prompt like none that follows.
const POSSIBLE: std::ops::RangeInclusive<f64> = 1.5..=6.0;

#[derive(Debug)]
pub struct Calibration(Mutex<f64>);

impl Default for Calibration {
    fn default() -> Self {
        Self(Mutex::new(BYTES_PER_TOKEN))
    }
}

impl Calibration {
    pub fn bytes_per_token(&self) -> f64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The server has counted so many tokens in a prompt of so many bytes.
    pub fn learn(&self, bytes: u64, tokens: u64) {
        if tokens < WORTH_LEARNING_TOKENS {
            return;
        }
        let seen = (bytes as f64 / tokens as f64).clamp(*POSSIBLE.start(), *POSSIBLE.end());
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *known += WEIGHT * (seen - *known);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_draw_the_estimate_near_slowly() {
        let calibration = Calibration::default();
        let after = |bytes, tokens| {
            calibration.learn(bytes, tokens);
            format!("{:.2}", calibration.bytes_per_token())
        };
        for (bytes, tokens, expected) in [
            (3000, 0, "3.00"), // not counted
            (50, 199, "3.00"),
            (4000, 1000, "3.30"),
            (4000, 1000, "3.51"),
            (1_000_000, 1000, "4.26"), // as far as 6, and no further
            (200, 1000, "3.43"),
        ] {
            assert_eq!(after(bytes, tokens), expected, "{bytes} {tokens}");
        }
        for _ in 0..100 {
            calibration.learn(4000, 1000);
        }
        assert_eq!(after(4000, 1000), "4.00");
    }
}
