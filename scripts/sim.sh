#!/usr/bin/env bash
# The simulation tests: whole shards with real peers on a virtual clock and a bad network. Arguments go to nextest.
source "$(dirname "$0")/lib.sh"
bash scripts/setup.sh lint
cargo nextest run --cargo-profile sim --config-file scripts/nextest.toml -p tandem-sim "$@"
