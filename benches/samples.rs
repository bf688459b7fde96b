//! Percentiles of measured values.

use std::time::Duration;

/// Measured values of one kind.
#[derive(Default)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// The smallest value that `percent` of all values don't exceed.
    pub fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted[rank - 1]
    }

    pub fn median(&self) -> f64 {
        self.percentile(50)
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<I: IntoIterator<Item = f64>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Extend<f64> for Samples {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, values: I) {
        self.0.extend(values);
    }
}

pub fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Measures [`super::ROUNDS`] times and gives the median of each of the `N` values.
pub fn medians<const N: usize>(mut round: impl FnMut() -> [f64; N]) -> [f64; N] {
    let rounds: Vec<[f64; N]> = (0..super::ROUNDS).map(|_| round()).collect();
    std::array::from_fn(|n| rounds.iter().map(|round| round[n]).collect::<Samples>().median())
}
