//! Resizing as Pillow does it (`Image.resize(size, LANCZOS)`): support scaled when shrinking, coefficients in fixed
//! point, 8 bits between the passes, and the passes in its order (rows first, but where height shrinks by more than twice
//! what width does, columns first; Pillow 13). Rows go in one by one; only those that the next output row needs are kept.
use std::f64::consts::PI;

/// Pillow's: 32 bits less 8 of the result and 2 of head-room.
const PRECISION_BITS: u32 = 22;
const LANCZOS_SUPPORT: f64 = 3.0;

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        1.0
    } else {
        (x * PI).sin() / (x * PI)
    }
}

fn lanczos(x: f64) -> f64 {
    if (-LANCZOS_SUPPORT..LANCZOS_SUPPORT).contains(&x) {
        sinc(x) * sinc(x / LANCZOS_SUPPORT)
    } else {
        0.0
    }
}

/// For every output position the first input position and the weights from there on.
struct Coefficients {
    first: Vec<usize>,
    weights: Vec<i32>,
    /// Weights an output position has room for, and how many it uses.
    most: usize,
    count: Vec<usize>,
}

impl Coefficients {
    fn new(from: usize, to: usize) -> Self {
        let scale = from as f64 / to as f64;
        let stretch = scale.max(1.0);
        let support = LANCZOS_SUPPORT * stretch;
        let most = support.ceil() as usize * 2 + 1;
        let mut c = Self {
            first: vec![0; to],
            weights: vec![0; to * most],
            most,
            count: vec![0; to],
        };
        let mut row = vec![0.0; most];
        for i in 0..to {
            let center = (i as f64 + 0.5) * scale;
            let low = (center - support + 0.5).max(0.0) as usize;
            let high = ((center + support + 0.5) as usize).min(from);
            let mut sum = 0.0;
            for x in low..high {
                let w = lanczos((x as f64 - center + 0.5) / stretch);
                row[x - low] = w;
                sum += w;
            }
            for x in low..high {
                let w = if sum == 0.0 { row[x - low] } else { row[x - low] / sum };
                let fixed = w * f64::from(1u32 << PRECISION_BITS);
                c.weights[i * most + x - low] = (if fixed < 0.0 { fixed - 0.5 } else { fixed + 0.5 }) as i32;
            }
            (c.first[i], c.count[i]) = (low, high - low);
        }
        c
    }

    fn at(&self, i: usize) -> (usize, &[i32]) {
        (
            self.first[i],
            &self.weights[i * self.most..i * self.most + self.count[i]],
        )
    }
}

fn clip(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Takes the rows of a picture in order, gives the resized picture.
pub struct Resizer {
    width: usize,
    horizontal: Option<Coefficients>,
    vertical: Option<Coefficients>,
    /// The last rows, after the horizontal pass if that comes first, at row number modulo their count.
    ring: Vec<u8>,
    ring_rows: usize,
    columns_first: bool,
    pushed: usize,
    out: Vec<u8>,
    out_width: usize,
    out_height: usize,
    emitted: usize,
}

impl Resizer {
    /// Bytes that a resizer for these sizes allocates, its result included. A picture that is all width has more of them
    /// than addresses of 32 bits can count.
    pub fn bytes(width: usize, height: usize, out_width: usize, out_height: usize) -> u64 {
        let [width, height, out_width, out_height] = [width, height, out_width, out_height].map(|n| n as u64);
        let taps = |from: u64, to: u64| (from.div_ceil(to).max(1) + 1) * 6 + 3;
        // weights, first position and count, and the weights of one position before they are rounded
        let coefficients = |from, to| to * (taps(from, to) * 4 + 16) + taps(from, to) * 8;
        let ring = (taps(height, out_height).min(height + 1) + 2) * width.max(out_width) * 7;
        coefficients(width, out_width) + coefficients(height, out_height) + ring + out_width * out_height * 3
    }
    /// From one size to another, in pixels.
    pub fn new(width: usize, height: usize, out_width: usize, out_height: usize) -> Self {
        let coefficients = |from, to| (from != to).then(|| Coefficients::new(from, to));
        let vertical = coefficients(height, out_height);
        let ring_rows = vertical.as_ref().map_or(0, |c| c.most.min(height));
        let shrinks = |from: usize, to: usize| from as i64 - to as i64;
        let columns_first = shrinks(height, out_height) > (2 * shrinks(width, out_width)).max(0);
        let ring_width = if columns_first { width } else { out_width };
        Self {
            width,
            horizontal: coefficients(width, out_width),
            vertical,
            ring: vec![0; ring_rows * ring_width * 3],
            ring_rows,
            columns_first,
            pushed: 0,
            out: Vec::with_capacity(out_width * out_height * 3),
            out_width,
            out_height,
            emitted: 0,
        }
    }

    /// The next row, RGB.
    pub fn push(&mut self, row: &[u8]) {
        debug_assert_eq!(row.len(), self.width * 3);
        let Some(vertical) = &self.vertical else {
            let start = self.out.len();
            self.out.resize(start + self.out_width * 3, 0);
            shrink_row(self.horizontal.as_ref(), row, &mut self.out[start..]);
            self.pushed += 1;
            return;
        };
        let bytes = self.ring.len() / self.ring_rows;
        let slot = self.pushed % self.ring_rows * bytes;
        let kept = &mut self.ring[slot..slot + bytes];
        shrink_row(self.horizontal.as_ref().filter(|_| !self.columns_first), row, kept);
        self.pushed += 1;
        while self.emitted < self.out_height {
            let (first, weights) = vertical.at(self.emitted);
            if first + weights.len() > self.pushed {
                break;
            }
            let mut sums = vec![HALF; bytes];
            for (r, &w) in (first..).zip(weights) {
                let row = &self.ring[r % self.ring_rows * bytes..][..bytes];
                for (sum, &p) in sums.iter_mut().zip(row) {
                    *sum += i32::from(p) * w;
                }
            }
            let row: Vec<u8> = sums.into_iter().map(clip).collect();
            let start = self.out.len();
            self.out.resize(start + self.out_width * 3, 0);
            shrink_row(
                self.horizontal.as_ref().filter(|_| self.columns_first),
                &row,
                &mut self.out[start..],
            );
            self.emitted += 1;
        }
    }

    /// Rows that have gone in.
    pub fn rows(&self) -> usize {
        self.pushed
    }

    /// RGB `[out_height][out_width][3]`, after the last row.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }
}

fn shrink_row(coefficients: Option<&Coefficients>, row: &[u8], out: &mut [u8]) {
    let Some(c) = coefficients else {
        out.copy_from_slice(row);
        return;
    };
    for (i, pixel) in out.chunks_exact_mut(3).enumerate() {
        let (first, weights) = c.at(i);
        let mut sums = [HALF; 3];
        for (p, &w) in row[first * 3..].chunks_exact(3).zip(weights) {
            sums[0] += i32::from(p[0]) * w;
            sums[1] += i32::from(p[1]) * w;
            sums[2] += i32::from(p[2]) * w;
        }
        for (to, sum) in pixel.iter_mut().zip(sums) {
            *to = clip(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Resizer;

    fn resize(rgb: &[u8], (w, h): (usize, usize), (ow, oh): (usize, usize)) -> Vec<u8> {
        let mut r = Resizer::new(w, h, ow, oh);
        rgb.chunks(w * 3).for_each(|row| r.push(row));
        r.finish()
    }

    #[test]
    fn the_same_size_is_the_same_picture() {
        let rgb: Vec<u8> = (0..7 * 5 * 3).map(|i| (i * 37 % 256) as u8).collect();
        assert_eq!(resize(&rgb, (7, 5), (7, 5)), rgb);
    }

    #[test]
    fn a_flat_picture_stays_flat_at_any_size() {
        for size in [(1, 1), (3, 200), (200, 3), (64, 64)] {
            let out = resize(&[99; 31 * 17 * 3], (31, 17), size);
            assert_eq!(out, vec![99; size.0 * size.1 * 3], "{size:?}");
        }
    }

    #[test]
    fn a_picture_that_is_all_width_is_foretold_in_full() {
        assert!(Resizer::bytes(1 << 30, 1, 224, 224) > 1 << 33);
    }

    #[test]
    fn no_more_rows_are_kept_than_there_are() {
        let r = Resizer::new(10, 100, 10, 1);
        assert_eq!(r.ring.len(), 10 * 100 * 3);
    }

    #[test]
    fn every_output_row_comes_out_for_many_heights() {
        for from in 1..40 {
            for to in 1..40 {
                assert_eq!(
                    resize(&vec![7; 2 * from * 3], (2, from), (1, to)).len(),
                    to * 3,
                    "{from} -> {to}"
                );
            }
        }
    }
}
