#!/usr/bin/env bash
# Rebuilds the committed WASM modules (and the glue made with them) from source into a temporary folder and compares them
# byte for byte with what is committed. Usage: tools/check_wasm.sh [kernels|image|all]
# Names every file that differs, with both sizes; exit status 1 if any does. Needs .toolchain (tools/setup-toolchain.sh).
set -euo pipefail
ROOT=$(cd "$(dirname "$0")/.." && pwd); WHAT=${1:-all}
BUILT=$(mktemp -d); trap 'rm -rf "$BUILT"' EXIT
bytes() { stat -c %s "$1" 2>/dev/null || echo 0; }

bash "$ROOT/tools/build_wasm.sh" "$WHAT" "$BUILT"
same=0; differ=0
while IFS= read -r file; do
  if cmp -s "$BUILT/$file" "$ROOT/$file"; then
    same=$((same + 1)); printf 'same     %8d bytes  %s\n' "$(bytes "$ROOT/$file")" "$file"
  else
    differ=$((differ + 1))
    printf 'DIFFERS  committed %d bytes, built from source %d bytes  %s\n' "$(bytes "$ROOT/$file")" "$(bytes "$BUILT/$file")" "$file"
  fi
done < <(cd "$BUILT" && find . -type f | sed 's#^\./##' | sort)

# a module that no build makes would never be checked
if [ "$WHAT" = all ]; then
  while IFS= read -r file; do
    [ -e "$BUILT/$file" ] && continue
    differ=$((differ + 1)); printf 'DIFFERS  committed %d bytes, built by nothing  %s\n' "$(bytes "$ROOT/$file")" "$file"
  done < <(cd "$ROOT" && find sdk -name '*.wasm' | sort)
fi
if [ $((same + differ)) = 0 ]; then echo "nothing was built for '$WHAT'; wanted kernels, image or all" >&2; exit 1; fi
if [ "$differ" != 0 ]; then
  echo "$differ of $((same + differ)) files differ: run tools/build_wasm.sh and commit what it writes" >&2; exit 1
fi
