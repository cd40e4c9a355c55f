#!/usr/bin/env bash
# The Autobahn test suite itself (PyPI autobahntestsuite; runs on Python 2.7 only) against the echo server at ECHO_URL.
# Fails when a case is anything but OK, NON-STRICT, INFORMATIONAL or UNIMPLEMENTED; ends with 3 when it cannot run here.
# AUTOBAHN_MESSAGES (100): messages in each compression case, of which the suite sends 1000.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=25.10.1
site=$root/target/autobahn
out=${1:-$root/test-artifacts/autobahn}
: "${ECHO_URL:?ECHO_URL must name an echo server, as ws://127.0.0.1:7880/v1/echo}"

python=
for candidate in "${PYTHON27:-}" python2.7 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7; do
  if [[ -n $candidate ]] && "$candidate" -c 'import ssl' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [[ -z $python ]]; then
  echo "autobahn-suite: there is no Python 2.7 here (PYTHON27 may name one), so the suite itself does not run; autobahn/run.mjs has its cases."
  exit 3
fi

want="$version $("$python" -c 'import sys; print(sys.executable)')"
if [[ "$(cat "$site/stamp" 2>/dev/null)" != "$want" ]]; then
  rm -rf "$site"
  # A folder, not a virtual environment: Python 2.7 comes without a tool for those.
  if ! "$python" -m pip install --quiet --disable-pip-version-check --no-warn-script-location --target "$site" "autobahntestsuite==$version" 2>"$root/target/autobahn.log"; then
    tail -3 "$root/target/autobahn.log" >&2
    echo "autobahn-suite: autobahntestsuite $version could not be installed for $python, so the suite itself does not run; autobahn/run.mjs has its cases."
    exit 3
  fi
  echo "$want" >"$site/stamp"
fi
rm -rf "$out"
mkdir -p "$out"
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$site "$python" "$here/suite.py" "$site" "$ECHO_URL" "$out"
