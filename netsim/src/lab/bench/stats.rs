//! Order statistics of small samples. Pure.

/// A sample in order; `None` of an empty one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample(Vec<f64>);

impl Sample {
    /// Puts it in order.
    pub(super) fn new(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        (!values.is_empty()).then_some(Self(values))
    }

    /// The least.
    pub(super) fn min(&self) -> f64 {
        self.0.first().copied().unwrap_or(f64::NAN)
    }

    /// The greatest.
    pub(super) fn max(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// The middle one, or the mean of the two in the middle.
    pub(super) fn median(&self) -> f64 {
        let half = self.0.len() / 2;
        let upper = self.0.get(half).copied().unwrap_or(f64::NAN);
        if self.0.len() % 2 == 1 {
            return upper;
        }
        let lower = half.checked_sub(1).and_then(|at| self.0.get(at)).copied().unwrap_or(f64::NAN);
        f64::midpoint(lower, upper)
    }

    /// The least value that `percent` of the sample do not exceed (nearest rank).
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or_else(|| self.max())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_those_of_the_ordered_sample() {
        let sample = Sample::new((1..=30).rev().map(f64::from).collect()).unwrap();
        assert_eq!((sample.min(), sample.median(), sample.max()), (1.0, 15.5, 30.0));
        assert_eq!(
            (sample.percentile(95), sample.percentile(50), sample.percentile(100)),
            (29.0, 15.0, 30.0)
        );
        let one = Sample::new(vec![7.0]).unwrap();
        assert_eq!((one.min(), one.median(), one.percentile(95), one.max()), (7.0, 7.0, 7.0, 7.0));
        assert_eq!(Sample::new(Vec::new()), None);
    }
}
