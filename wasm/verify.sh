#!/bin/sh
# Proves that src/chunker/kernel.wasm is what its source compiles to, byte for byte.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
built=$(mktemp --suffix=.wasm)
trap 'rm -f "$built"' EXIT
"$folder/compile.sh" "$built"
cmp "$built" "$folder/../src/chunker/kernel.wasm"
