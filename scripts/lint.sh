#!/usr/bin/env bash
# Every check that needs no running server. Runs all of them and tells which failed.
source "$(dirname "$0")/lib.sh"
bash scripts/setup.sh lint
failed=()
step() {
  local name=$1
  shift
  say "$name"
  local start=$SECONDS
  if "$@"; then printf '%s: in order (%d s)\n' "$name" $((SECONDS - start)); else failed+=("$name"); fi
}
no_output() { local out; out=$("$@"); [[ -z $out ]] || { printf '%s\n' "$out"; return 1; }; }
javascript() { local bad=0 file; while IFS= read -r file; do node --check "$file" || bad=1; done < <(git ls-files 'tests/**.mjs' 'scripts/*.mjs' 'tests/lib/page/*.js'); return $bad; }
shells() { local bad=0 file; while IFS= read -r file; do bash -n "$file" || bad=1; done < <(git ls-files '*.sh' '.ci/run'); return $bad; }

step "Rust format" cargo fmt --all --check
step "clippy" cargo clippy --profile sim --all-targets --workspace -- -D warnings
step "licences and bans" cargo deny --log-level error check bans licenses sources
step "borders between crates" bash scripts/check-borders.sh
step "sizes of files" bash scripts/check-sizes.sh
step "web app: build" bash scripts/app.sh
step "web app: types and format" npm run --silent check --prefix clients
step "tests and scripts: JavaScript" javascript
step "scripts: shell" shells
if have gofmt; then step "tests: Go format" no_output gofmt -l tests/go-sdk; fi

if ((${#failed[@]})); then
  printf '\nNot in order:\n'
  printf '  %s\n' "${failed[@]}"
  exit 1
fi
printf '\nEverything is in order.\n'
