//! How weights from 0 to 1 are spread: enough to tell which of them can be among the largest, without an order.

/// Bits that a bucket's number leaves out: buckets are an eighth of a power of two wide.
const SHIFT: u32 = 20;
const BUCKETS: usize = (1.0f32.to_bits() >> SHIFT) as usize + 1;

/// Counts and sums of weights, by buckets of their size.
pub struct Histogram {
    counts: [u32; BUCKETS],
    sums: [f64; BUCKETS],
}

impl Histogram {
    /// Floats that are not negative have the order of their bits.
    pub fn of(weights: &[f32]) -> Self {
        let mut histogram = Self {
            counts: [0; BUCKETS],
            sums: [0.0; BUCKETS],
        };
        for weight in weights {
            let bucket = (weight.to_bits() >> SHIFT) as usize;
            histogram.counts[bucket] += 1;
            histogram.sums[bucket] += f64::from(*weight);
        }
        histogram
    }

    /// Of all weights.
    pub fn total(&self) -> f64 {
        self.sums.iter().sum()
    }

    /// A weight such that those that are at least as large are `count` or more, or add up to `sum` or more; 0 if neither
    /// can be reached.
    pub fn bound(&self, count: usize, sum: f64) -> f32 {
        let (mut counted, mut added, mut bucket) = (0, 0.0, BUCKETS);
        while bucket > 0 && counted < count && added < sum {
            bucket -= 1;
            counted += self.counts[bucket] as usize;
            added += self.sums[bucket];
        }
        f32::from_bits((bucket as u32) << SHIFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bound_leaves_out_nothing_that_is_among_the_largest_and_little_more() {
        let mut state = 7u32;
        let mut weights: Vec<f32> = (0..5000)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (-20.0 * (state >> 8) as f32 / (1 << 24) as f32).exp()
            })
            .collect();
        weights[17] = 1.0;
        let histogram = Histogram::of(&weights);
        weights.sort_by(|a, b| b.total_cmp(a));
        assert!((histogram.total() / weights.iter().map(|w| f64::from(*w)).sum::<f64>() - 1.0).abs() < 1e-12);
        for count in [1, 2, 50, 4999, 5000] {
            let bound = histogram.bound(count, f64::INFINITY);
            assert!(
                bound <= weights[count - 1] && bound >= weights[count - 1] * 0.87,
                "{count}: {bound}"
            );
        }
        for share in [0.01, 0.5, 0.999] {
            let bound = histogram.bound(5000, share * histogram.total());
            let over: f64 = weights.iter().filter(|w| **w >= bound).map(|w| f64::from(*w)).sum();
            assert!(over >= share * histogram.total(), "{share}");
            let above: f64 = weights
                .iter()
                .filter(|w| **w >= bound * 1.15)
                .map(|w| f64::from(*w))
                .sum();
            assert!(above < share * histogram.total(), "{share}");
        }
        assert_eq!(histogram.bound(5001, f64::INFINITY), 0.0);
    }
}
