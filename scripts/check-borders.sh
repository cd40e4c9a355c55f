#!/usr/bin/env bash
# Which crate may depend on which, and that the crates without IO stay so. Normal and build dependencies, direct ones.
source "$(dirname "$0")/lib.sh"
cargo metadata --format-version 1 --no-deps --locked | node scripts/check-borders.mjs
