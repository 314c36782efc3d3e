#!/usr/bin/env bash
# The steps of `wasm-pack build` for the image crate, by the tool chain's own compiler and wasm-bindgen (wasm-pack itself looks
# for both in PATH, and for a target that rustup has installed), then a photo through what they make.
# Usage: tools/check_bindgen.sh. Needs .toolchain (tools/setup-toolchain.sh).
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd)
source "$ROOT/.toolchain/env.sh"
unset RUSTC RUSTFLAGS CARGO_BUILD_RUSTC
TARGET=${CARGO_TARGET_DIR:-$ROOT/rust-kernels/target/wasm}/bindgen
OUT=$(mktemp -d); trap 'rm -rf "$OUT"' EXIT
# with SIMD, as the committed module is: the JPEG decoder rounds colours another way without. A build for tests: the photo is decoded slowly, but the build takes a third of the time
RUSTFLAGS="-C target-feature=+simd128" cargo-wasm build -q --locked --manifest-path "$ROOT/rust-kernels/Cargo.toml" -p loris-image \
  --target wasm32-unknown-unknown --target-dir "$TARGET"
wasm-bindgen --target web --out-dir "$OUT" "$TARGET/wasm32-unknown-unknown/debug/loris_image.wasm"
deno run --quiet --allow-read "$ROOT/tools/check_bindgen.ts" "$OUT"
