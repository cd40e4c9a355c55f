#!/usr/bin/env bash
# Measures a release build on this machine: forwarding against the best the machine can do, memory,
# start. Prints the machine, every round, and a table with limits; fails if a limit is missed.
#
#   scripts/bench.sh            three rounds, about two minutes
#   scripts/bench.sh --quick    does it work? ten seconds, limits only shown
#
# Other arguments go to the tool; `--help` lists them. Needs Linux, two cores and util-linux.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --release --package tandem
cargo build --quiet --release --package tandem-sim --bins
target="${CARGO_TARGET_DIR:-target}"
status=0
"$target/release/bench" --binaries "$target/release" "$@" || status=1
# What a person waits for: needs Chromium and the packages of tests/.
bash scripts/setup.sh test bench
TANDEM_BIN="$PWD/$target/release/tandem" node tests/bench/first-frame.mjs || status=1
# Channels, beside the servers people run for them.
node tests/bench/channels.mjs "$@" || status=1
# Files from page to page, beside a bare data channel.
TANDEM_BIN="$PWD/$target/release/tandem" node tests/bench/files.mjs || status=1
# The relay, beside coturn.
node tests/bench/turn.mjs || status=1
exit $status
