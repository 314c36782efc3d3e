//! Mode VLA of Lazy Attention: a lazy layer has keys of its own for text, and its anchor's for what is visual.
use crate::kv_store::GROUP;

/// A layer's own keys of text slots, packed one after another.
pub struct TextKeys<'a> {
    /// As the cache holds keys.
    pub keys: *const u8,
    /// Slots for which there is room.
    pub capacity: usize,
    /// The slot of each, ascending; none where a layer has one store for all its keys.
    pub slots: &'a [u32],
}

impl<'a> TextKeys<'a> {
    /// How many are of slots below `slot`.
    pub fn below(&self, slot: usize) -> usize {
        self.slots.partition_point(|&s| (s as usize) < slot)
    }

    /// Slots below `most` in runs of whole groups, in each of which is a visual one: what is read of the anchor's keys.
    pub fn visual_runs(&self, most: usize) -> VisualRuns<'a> {
        VisualRuns {
            slots: self.slots,
            next: 0,
            most,
        }
    }
}

/// Runs as `(first slot, slot after the last)`.
pub struct VisualRuns<'a> {
    /// Text slots from `next` on.
    slots: &'a [u32],
    next: usize,
    most: usize,
}

impl VisualRuns<'_> {
    /// Text slots from `next` on and below `end`, which is in the same group.
    fn texts_below(&self, end: usize) -> usize {
        self.slots.iter().take_while(|&&s| (s as usize) < end).count()
    }

    /// Passes groups as long as they have nothing but text, or as long as they have something else.
    fn pass(&mut self, text: bool) {
        while self.next < self.most {
            let end = self.most.min(self.next + GROUP);
            let texts = self.texts_below(end);
            if (texts == end - self.next) != text {
                return;
            }
            self.slots = &self.slots[texts..];
            self.next = end;
        }
    }
}

impl Iterator for VisualRuns<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        self.pass(true);
        let first = self.next;
        if self.slots.is_empty() {
            self.next = self.most;
        } else {
            self.pass(false);
        }
        (first < self.most).then_some((first, self.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(slots: &[u32], most: usize) -> Vec<(usize, usize)> {
        let text = TextKeys {
            keys: core::ptr::null(),
            capacity: 64,
            slots,
        };
        text.visual_runs(most).collect()
    }

    #[test]
    fn visual_runs_leave_out_groups_of_nothing_but_text() {
        let text = |from: u32, to: u32| (from..to).collect::<Vec<_>>();
        assert_eq!(runs(&[], 21), [(0, 21)]);
        assert_eq!(runs(&[], 0), []);
        assert_eq!(runs(&text(0, 64), 21), []);
        // a group that is all text as far as anyone sees
        assert_eq!(runs(&text(8, 10), 10), [(0, 8)]);
        assert_eq!(runs(&text(8, 10), 11), [(0, 11)]);
        assert_eq!(runs(&text(0, 17), 40), [(16, 40)]);
        assert_eq!(runs(&[text(0, 9), text(30, 50)].concat(), 47), [(8, 32)]);
        assert_eq!(
            runs(&[text(8, 16), text(24, 32)].concat(), 35),
            [(0, 8), (16, 24), (32, 35)]
        );
        assert_eq!(runs(&[0, 2, 4, 6, 8, 10, 12, 14], 16), [(0, 16)]);
    }

    #[test]
    fn below_counts_keys_of_lower_slots() {
        let text = TextKeys {
            keys: core::ptr::null(),
            capacity: 8,
            slots: &[2, 3, 9],
        };
        assert_eq!([0, 2, 3, 9, 10, 99].map(|slot| text.below(slot)), [0, 0, 1, 2, 3, 3]);
    }
}
