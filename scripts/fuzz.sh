#!/usr/bin/env bash
# Looks for inputs that break the parsers and state machines. FUZZ_SECONDS (60) is for each target.
source "$(dirname "$0")/lib.sh"
bash scripts/setup.sh lint
seconds=${FUZZ_SECONDS:-60}
if [[ -d fuzz/fuzz_targets ]]; then
  cargo fuzz --version >/dev/null 2>&1 || cargo install --locked cargo-fuzz || die "cargo-fuzz could not be installed."
  rustup toolchain list | grep -q nightly || die "cargo fuzz needs a nightly toolchain: rustup toolchain install nightly."
  for target in fuzz/fuzz_targets/*.rs; do
    name=$(basename "$target" .rs)
    say "fuzzing $name for $seconds s"
    cargo +nightly fuzz run "$name" -- -max_total_time="$seconds" -timeout=10
  done
fi
# The property tests with many more cases than in a normal run.
say "property tests with ${PROPTEST_CASES:-20000} cases each"
PROPTEST_CASES=${PROPTEST_CASES:-20000} cargo nextest run --cargo-profile sim --config-file scripts/nextest.toml -p tandem-wire -p tandem-core "$@"
