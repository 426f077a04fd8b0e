#!/bin/sh
# Compiles the kernel to the file named as argument. Run `npm ci` in this folder first.
set -eu
cd "$(dirname "$0")"
# 257 pages: 64 KiB for the tables, 16 MiB for data. No imports, no runtime, nothing but `scan` and the memory.
exec node_modules/.bin/asc kernel.ts --outFile "$1" -O3 --noAssert --runtime stub --enable simd,relaxed-simd \
  --initialMemory 257 --maximumMemory 257
