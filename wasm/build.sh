#!/bin/sh
# Compiles the kernel into src/chunker/kernel.wasm, the file that is committed.
set -eu
folder=$(cd "$(dirname "$0")" && pwd)
exec "$folder/compile.sh" "$folder/../src/chunker/kernel.wasm"
