#!/usr/bin/env bash
# Builds the committed WASM modules from source. Usage: tools/build_wasm.sh [kernels|image|all] [OUT]
# OUT (default: the repository) receives sdk/backend/wasm/*.wasm and sdk/image/image.wasm. Needs .toolchain (tools/setup-toolchain.sh).
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd); WHAT=${1:-all}; OUT=$(realpath -m "${2:-$ROOT}")
source "$ROOT/.toolchain/env.sh"
TARGET=${CARGO_TARGET_DIR:-$ROOT/rust-kernels/target/wasm}
# No path of this machine may reach the module: same source, same bytes, in any folder. The folder of a registry carries a
# hash of its address, so each is mapped by itself (the last match wins); it exists only once the crates were fetched.
CARGO=${CARGO_HOME:-$HOME/.cargo}
cargo fetch -q --locked --manifest-path "$ROOT/rust-kernels/Cargo.toml"
REMAP="--remap-path-prefix=$ROOT=/loris --remap-path-prefix=$CARGO=/cargo"
for registry in "$CARGO"/registry/src/*; do REMAP+=" --remap-path-prefix=$registry=/crates"; done
unset RUSTC RUSTC_WRAPPER CARGO_BUILD_RUSTC

OPT="--enable-simd --enable-relaxed-simd --enable-bulk-memory --enable-sign-ext --enable-nontrapping-float-to-int --enable-mutable-globals --enable-multivalue --enable-reference-types --strip-debug --strip-producers --strip-target-features"
# What moves locals to their uses undoes the order that the products are written in, which is worth a fifth of their speed.
ORDER="--skip-pass=simplify-locals --skip-pass=simplify-locals-nostructure --skip-pass=simplify-locals-notee-nostructure --skip-pass=simplify-locals-nonesting --skip-pass=local-cse"
# A function with one caller stays one: engines compile a function at a time, in memory that goes by its size. What is
# better off inside of its caller, rustc has put there.
OPT+=" --one-caller-inline-max-function-size=0"
FEATURES="-C target-feature=+bulk-memory,+sign-ext,+nontrapping-fptoint,+mutable-globals"

build() { # crate, target folder, target features, cargo arguments
  RUSTFLAGS="$FEATURES,$3 $REMAP -C link-arg=--import-memory ${4:-}" cargo-wasm build -q --locked --release \
    --manifest-path "$ROOT/rust-kernels/Cargo.toml" -p "$1" --target wasm32-unknown-unknown --target-dir "$TARGET/$2" ${5:-}
}

kernels() { # name, target features, cargo arguments
  build loris-kernels "$1" "$2" "-C link-arg=-zstack-size=65536 -C link-arg=--export=__heap_base" "${3:-}"
  mkdir -p "$OUT/sdk/backend/wasm"
  wasm-opt -O2 $OPT $ORDER "$TARGET/$1/wasm32-unknown-unknown/release/loris_kernels.wasm" -o "$OUT/sdk/backend/wasm/kernels.$1.wasm"
}

# The same for rustc, which puts whatever has one caller into it (worth 15000): counted ten times, all else stays as it was.
SMALL="-C llvm-args=-inline-instr-cost=50 -C llvm-args=-inline-threshold=2250 -C llvm-args=-inlinehint-threshold=3250 -C llvm-args=-inline-call-penalty=250"

image() {
  build loris-image image +simd128 "-C link-arg=-zstack-size=131072 $SMALL" --no-default-features
  mkdir -p "$OUT/sdk/image"
  wasm-opt -O3 $OPT "$TARGET/image/wasm32-unknown-unknown/release/loris_image.wasm" -o "$OUT/sdk/image/image.wasm"
}

if [ "$WHAT" = kernels ] || [ "$WHAT" = all ]; then
  kernels plain +simd128
  kernels simd128 +simd128 "--features simd"
  kernels relaxed +simd128,+relaxed-simd "--features simd"
fi
if [ "$WHAT" = image ] || [ "$WHAT" = all ]; then
  image
fi
