//! Places in the order of their weights, the largest first and of equal ones the lower place, for as many as are asked: a
//! binary heap, so that the first few of many cost far less than sorting them.

/// A heap of places, taken one by one.
pub struct LargestFirst<'a> {
    weights: &'a [f32],
    /// A heap of `waiting` places; behind it those that were taken, the first at the very end.
    places: &'a mut [u32],
    waiting: usize,
}

impl<'a> LargestFirst<'a> {
    /// Of these places, which it puts in order; no weight is NaN.
    pub fn new(weights: &'a [f32], places: &'a mut [u32]) -> Self {
        let waiting = places.len();
        let mut heap = Self {
            weights,
            places,
            waiting,
        };
        for at in (0..waiting / 2).rev() {
            heap.sink(at);
        }
        heap
    }

    /// Takes the next place; to be asked at most once for each. Returns its weight.
    pub fn take(&mut self) -> f32 {
        self.waiting -= 1;
        self.places.swap(0, self.waiting);
        self.sink(0);
        self.weights[self.places[self.waiting] as usize]
    }

    /// The places taken, in the order of their taking.
    pub fn taken(&self) -> impl DoubleEndedIterator<Item = u32> + ExactSizeIterator + Clone + '_ {
        self.places[self.waiting..].iter().rev().copied()
    }

    fn sink(&mut self, mut at: usize) {
        let heap = &mut self.places[..self.waiting];
        if heap.is_empty() {
            return;
        }
        let before = |a: u32, b: u32| {
            let (x, y) = (self.weights[a as usize], self.weights[b as usize]);
            x > y || (x == y && a < b)
        };
        let sinking = heap[at];
        loop {
            let mut child = 2 * at + 1;
            if child >= heap.len() {
                break;
            }
            if child + 1 < heap.len() && before(heap[child + 1], heap[child]) {
                child += 1;
            }
            if !before(heap[child], sinking) {
                break;
            }
            heap[at] = heap[child];
            at = child;
        }
        heap[at] = sinking;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_every_place_once_ordered_as_a_sort_orders_them() {
        let mut state = 11u32;
        for size in [1usize, 2, 3, 10, 257] {
            for _ in 0..20 {
                // few distinct weights, so that ties are common
                let weights: Vec<f32> = (0..size)
                    .map(|_| {
                        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                        ((state >> 16) as usize % size.div_ceil(2)) as f32
                    })
                    .collect();
                let mut wanted: Vec<u32> = (0..size as u32).collect();
                wanted.sort_by(|a, b| weights[*b as usize].total_cmp(&weights[*a as usize]).then(a.cmp(b)));
                let mut places: Vec<u32> = (0..size as u32).collect();
                let mut order = LargestFirst::new(&weights, &mut places);
                for n in 0..size {
                    assert_eq!(order.take(), weights[wanted[n] as usize]);
                    assert_eq!(order.taken().collect::<Vec<_>>(), wanted[..=n]);
                }
            }
        }
    }
}
