#!/bin/sh
# Compiles both kernels into the folder named as argument: chunker.wasm, romix.wasm. Run `npm ci` in this folder first.
set -eu
cd "$(dirname "$0")"
# No imports, no runtime: nothing but the functions and the memory.
compile() { node_modules/.bin/asc "$1.ts" --outFile "$2/$1.wasm" -O3 --noAssert --runtime stub --enable simd,relaxed-simd "$3" "$4"; }
# 257 pages: 64 KiB for the tables, 16 MiB for data.
compile chunker "$1" --initialMemory=257 --maximumMemory=257
# One page of working blocks; the rows are added by who knows their number: up to 1 GiB.
compile romix "$1" --initialMemory=1 --maximumMemory=16385
