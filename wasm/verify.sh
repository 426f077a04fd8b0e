#!/bin/sh
# Proves that the committed kernels are what their sources compile to, byte for byte.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
"$folder/compile.sh" "$built"
cmp "$built/chunker.wasm" "$folder/../src/chunker/kernel.wasm"
cmp "$built/romix.wasm" "$folder/../src/crypto/scrypt/romix.wasm"
