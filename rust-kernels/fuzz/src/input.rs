//! Numbers of an input's bytes.

/// Takes a target's parameters off the end, so that what stands before them stays a file from its first byte.
pub struct Tail<'a>(pub &'a [u8]);

impl Tail<'_> {
    /// 0 where nothing is left.
    pub fn byte(&mut self) -> u8 {
        let Some((&last, rest)) = self.0.split_last() else {
            return 0;
        };
        self.0 = rest;
        last
    }

    /// From `low` to `high`, both included, of one byte.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + usize::from(self.byte()) % (high - low + 1)
    }
}
