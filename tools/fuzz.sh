#!/usr/bin/env bash
# A short, seeded run of all Rust fuzz targets, under the address sanitizer where the compiler has it; those in TypeScript run
# among the tests. Usage: tools/fuzz.sh [SECONDS, for each target; 3]. Needs cargo and .toolchain (tools/setup-toolchain.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
source .toolchain/env.sh
# libFuzzer is C++, and comes as source with its crate
command -v c++ >/dev/null || { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y g++; }
cargo fmt --manifest-path rust-kernels/fuzz/Cargo.toml --check
deno task fuzz --target rust --seconds "${1:-3}"
