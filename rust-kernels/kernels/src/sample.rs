//! The choice of a token by chance, of what penalty, temperature, top-k, top-p and min-p leave, in this order (that of
//! `transformers`; llama.cpp applies the temperature last, which makes its top-p and min-p see other probabilities).
//!
//! Sources: Keskar et al. 2019 (repetition penalty), Fan et al. 2018 (top-k), Holtzman et al. 2020 (top-p), Nguyen et al.
//! 2024 (min-p).
use crate::argmax::{argmax, NOT_FINITE};
use crate::histogram::Histogram;
use crate::largest_first::LargestFirst;
use core::slice::{from_raw_parts, from_raw_parts_mut};

#[cfg(not(feature = "simd"))]
use plain as twin;
#[cfg(feature = "simd")]
use simd as twin;

/// Exponents below this have no weight: a uniform number's step, 2^-53 = e^-36.7, cannot tell them from nothing.
const FAINTEST: f32 = -60.0;

/// f32 values of scratch that [`sample`] needs for `elements` logits: their weights, and places in an order.
#[no_mangle]
pub extern "C" fn sample_scratch(elements: usize) -> usize {
    2 * elements
}

/// Index of the logit chosen; [`NOT_FINITE`] if any logit is NaN or infinite.
///
/// `logits`: f32 `[elements]`, at least one, left as they are; `recent`: u32 `[recents]`, each below `elements`: indices
/// whose positive logits are divided by `penalty` (above 0), negative ones multiplied, once each. `temperature` 0: the
/// largest logit, the first among equals. `top_k` from 1 to `elements`; `top_p` above 0, from 1 on it keeps all;
/// `min_p` from 0 to 1. `uniform` from 0 up to but not including 1 decides: each that is left has the part of that range
/// that is its probability.
#[no_mangle]
pub unsafe extern "C" fn sample(
    scratch: *mut f32,
    logits: *const f32,
    elements: usize,
    recent: *const u32,
    recents: usize,
    penalty: f64,
    temperature: f64,
    top_k: usize,
    top_p: f64,
    min_p: f64,
    uniform: f64,
) -> u32 {
    let mut best = argmax(logits, elements);
    if best == NOT_FINITE {
        return NOT_FINITE;
    }
    let logits = from_raw_parts(logits, elements);
    let weights = from_raw_parts_mut(scratch, elements);
    let places = from_raw_parts_mut(scratch.add(elements) as *mut u32, elements);
    weights.copy_from_slice(logits);
    if recents > 0 {
        for &id in from_raw_parts(recent, recents) {
            weights[id as usize] = penalised(logits[id as usize], penalty);
        }
        best = argmax(weights.as_ptr(), elements);
    }
    let temperature = temperature as f32;
    if temperature == 0.0 {
        return best;
    }
    let largest = weights[best as usize];
    twin::weigh(weights, largest, temperature);

    let weight = |id: u32| f64::from(weights[id as usize]);
    if top_k == elements && top_p >= 1.0 {
        let kept = (0..elements as u32).filter(|&id| weight(id) >= min_p);
        return draw(kept, weight, uniform);
    }
    // only what top-k or top-p can reach is put in order; sums of another order than this one may differ in their last bits
    let spread = Histogram::of(weights);
    let mut total = spread.total();
    let bound = if top_k < elements {
        spread.bound(top_k, f64::INFINITY)
    } else {
        spread.bound(elements, top_p * total * (1.0 + 1e-9))
    };
    let mut reachable = 0;
    for (place, weight) in weights.iter().enumerate() {
        if *weight >= bound {
            places[reachable] = place as u32;
            reachable += 1;
        }
    }
    let mut order = LargestFirst::new(weights, &mut places[..reachable]);
    if top_k < elements {
        total = (0..top_k).map(|_| f64::from(order.take())).sum();
    }
    // top-p is of what top-k has left; where that is all, places are put in order only as far as they are needed
    let (mut left, mut reached) = (0, 0.0);
    while left < top_k.min(reachable) && reached < top_p * total {
        let next = order.taken().nth(left).map(weight);
        reached += next.unwrap_or_else(|| f64::from(order.take()));
        left += 1;
    }
    // the largest weight is 1, so that weights compare with it as they are, and one is always kept
    let kept = order.taken().take(left).take_while(|&id| weight(id) >= min_p);
    draw(kept, weight, uniform)
}

/// A result too large for f32 becomes the largest there is, which still compares.
fn penalised(logit: f32, penalty: f64) -> f32 {
    let x = f64::from(logit);
    let y = if x > 0.0 { x / penalty } else { x * penalty };
    y.clamp(f64::from(f32::MIN), f64::from(f32::MAX)) as f32
}

/// One of `ids`, each with a probability in proportion to its weight.
fn draw(ids: impl Iterator<Item = u32> + Clone, weight: impl Fn(u32) -> f64, uniform: f64) -> u32 {
    let mut rest = uniform * ids.clone().map(&weight).sum::<f64>();
    let mut chosen = NOT_FINITE;
    for id in ids {
        let w = weight(id);
        // rounding can leave a rest past the last one: the last that has a weight then stays chosen
        if w > 0.0 {
            chosen = id;
        }
        rest -= w;
        if rest < 0.0 {
            break;
        }
    }
    chosen
}

/// The operation as its formula reads, in f32.
#[cfg(not(feature = "simd"))]
pub mod plain {
    /// Softmax without its division: e^((x - largest) / temperature). Subtracting first makes the largest weight 1,
    /// however small the temperature.
    pub fn weigh(x: &mut [f32], largest: f32, temperature: f32) {
        for v in x {
            let exponent = (*v - largest) / temperature;
            *v = if exponent < super::FAINTEST {
                0.0
            } else {
                crate::math::exp(exponent)
            };
        }
    }
}

/// The operation in SIMD.
#[cfg(feature = "simd")]
pub mod simd {
    use crate::exp::Exp;
    use crate::simd::constant;
    use crate::simd::{load, store};
    use core::arch::wasm32::*;

    /// As the plain twin's, four at a time.
    pub unsafe fn weigh(x: &mut [f32], largest: f32, temperature: f32) {
        let exp = Exp::new();
        let faintest = constant!(f32 super::FAINTEST);
        let weight = |v: v128| {
            let exponent = f32x4_div(f32x4_sub(v, f32x4_splat(largest)), f32x4_splat(temperature));
            v128_and(exp.of(exponent), f32x4_ge(exponent, faintest))
        };
        let mut fours = x.chunks_exact_mut(4);
        for four in &mut fours {
            let at = four.as_mut_ptr();
            store(at, weight(load(at)));
        }
        for v in fours.into_remainder() {
            *v = f32x4_extract_lane::<0>(weight(f32x4_splat(*v)));
        }
    }
}
