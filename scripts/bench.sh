#!/usr/bin/env bash
# Benchmarks with the release profile. Arguments go to cargo bench.
source "$(dirname "$0")/lib.sh"
bash scripts/setup.sh build
if ! cargo metadata --format-version 1 --no-deps | node -e '
  let s = ""; process.stdin.on("data", (d) => (s += d)).on("end", () =>
    process.exit(JSON.parse(s).packages.some((p) => p.targets.some((t) => t.kind.includes("bench"))) ? 0 : 1))'; then
  die "There is no benchmark in the workspace yet."
fi
cargo bench --workspace "$@"
