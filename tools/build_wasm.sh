#!/usr/bin/env bash
# Builds the committed WASM modules from source. Usage: tools/build_wasm.sh [kernels|image|all] [OUT]
# OUT (default: the repository) receives sdk/backend/wasm/*.wasm and sdk/image/wasm/*. Needs .toolchain (tools/setup-toolchain.sh).
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd); WHAT=${1:-all}; OUT=$(realpath -m "${2:-$ROOT}")
source "$ROOT/.toolchain/env.sh"
TARGET=${CARGO_TARGET_DIR:-$ROOT/rust-kernels/target/wasm}
# no path of this machine may reach the module: same source, same bytes, in any folder
REMAP="--remap-path-prefix=$ROOT=/loris --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
unset RUSTC RUSTC_WRAPPER CARGO_BUILD_RUSTC

kernels() { # name, cargo arguments, target features
  local features="-C target-feature=+bulk-memory,+sign-ext,+nontrapping-fptoint,+mutable-globals,$3"
  RUSTFLAGS="$features $REMAP -C link-arg=--import-memory -C link-arg=-zstack-size=65536 -C link-arg=--export=__heap_base" \
    cargo-wasm build -q --locked --release --manifest-path "$ROOT/rust-kernels/Cargo.toml" -p loris-kernels \
    --target wasm32-unknown-unknown --target-dir "$TARGET/$1" $2
  mkdir -p "$OUT/sdk/backend/wasm"
  wasm-opt -O3 --all-features --disable-gc --disable-reference-types --strip-debug --strip-producers --strip-target-features \
    "$TARGET/$1/wasm32-unknown-unknown/release/loris_kernels.wasm" -o "$OUT/sdk/backend/wasm/kernels.$1.wasm"
}

if [ "$WHAT" = kernels ] || [ "$WHAT" = all ]; then
  kernels plain "" +simd128
  kernels simd128 "--features simd" +simd128
  kernels relaxed "--features simd" +simd128,+relaxed-simd
fi
