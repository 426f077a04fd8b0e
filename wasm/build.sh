#!/bin/sh
# Compiles the kernels into src/, the files that are committed.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
built=$(mktemp -d)
trap 'rm -rf "$built"' EXIT
"$folder/compile.sh" "$built"
cp "$built/chunker.wasm" "$folder/../src/chunker/kernel.wasm"
cp "$built/romix.wasm" "$folder/../src/crypto/scrypt/romix.wasm"
