//! Several values of the same thing, in few words.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// The middle of some values and how far they are apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// `None` where there are no values.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let (upper, lower) = (values[values.len() / 2], values[(values.len() - 1) / 2]);
        Some(Self { median: f64::midpoint(lower, upper), least, most })
    }

    /// The same values in another unit.
    pub(crate) fn map(self, convert: impl Fn(f64) -> f64) -> Self {
        Self { median: convert(self.median), least: convert(self.least), most: convert(self.most) }
    }
}

/// `2.0 (1.0-9.0)`, with the precision that is asked for.
impl fmt::Display for Spread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = formatter.precision().unwrap_or(1);
        let Self { median, least, most } = self;
        write!(formatter, "{median:.digits$} ({least:.digits$}-{most:.digits$})")
    }
}

/// The mean of some ratios, and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct MeanRatio {
    /// The geometric one, which is the same for a ratio and its inverse.
    pub(crate) mean: f64,
    /// Two standard errors, as a share of the mean.
    pub(crate) error: f64,
}

impl MeanRatio {
    /// `None` where there are no ratios.
    pub(crate) fn of(ratios: impl IntoIterator<Item = f64>) -> Option<Self> {
        let logarithms: Vec<f64> = ratios.into_iter().map(f64::ln).collect();
        let count = logarithms.len() as f64;
        let mean = logarithms.iter().sum::<f64>() / count;
        let variance = logarithms.iter().map(|one| (one - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        (count > 0.0).then(|| Self { mean: mean.exp(), error: 2.0 * (variance / count).sqrt() })
    }
}

/// `0.985 +- 0.012 x`
impl fmt::Display for MeanRatio {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:.3} +- {:.3} x", self.mean, self.mean * self.error)
    }
}

/// The value that `share` of all values do not exceed; zero where there are none.
pub(crate) fn quantile(values: &[Duration], share: f64) -> Duration {
    let mut values = values.to_vec();
    values.sort_unstable();
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.max(1) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_spread(values: &[f64], expected: Option<(f64, f64, f64)>) {
        let spread = Spread::of(values.iter().copied());
        assert_eq!(spread.map(|spread| (spread.median, spread.least, spread.most)), expected);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        check_spread(&[], None);
        check_spread(&[2.0], Some((2.0, 2.0, 2.0)));
        check_spread(&[9.0, 1.0, 2.0], Some((2.0, 1.0, 9.0)));
        check_spread(&[4.0, 1.0, 2.0, 9.0], Some((3.0, 1.0, 9.0)));
    }

    #[test]
    fn a_mean_ratio_knows_how_far_it_may_be_off() {
        assert_eq!(MeanRatio::of([]), None);
        assert_eq!(MeanRatio::of([2.0]).unwrap().to_string(), "2.000 +- 0.000 x");
        let inverse = MeanRatio::of([0.5, 2.0]).unwrap();
        assert!((inverse.mean - 1.0).abs() < 1e-9, "{inverse}");
        assert!((inverse.error - 2.0 * 2f64.ln()).abs() < 1e-9, "{inverse}");
        let many = MeanRatio::of((0..100).map(|number| if number % 2 == 0 { 0.9 } else { 1.1 })).unwrap();
        assert!(many.error < 0.025 && (many.mean - 0.995).abs() < 0.001, "{many}");
    }

    #[test]
    fn a_quantile_is_a_value_that_was_measured() {
        let values: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(quantile(&values, 0.5), Duration::from_millis(50));
        assert_eq!(quantile(&values, 0.99), Duration::from_millis(99));
        assert_eq!(quantile(&values, 1.0), Duration::from_millis(100));
        assert_eq!(quantile(&values[..1], 0.5), Duration::from_millis(100));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }
}
