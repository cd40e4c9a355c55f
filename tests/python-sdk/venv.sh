#!/usr/bin/env bash
# Makes or renews the virtual environment of this suite; does nothing when it is up to date.
set -euo pipefail
cd "$(dirname "$0")"
want=$(sha256sum requirements.txt | cut -d' ' -f1)
if [[ -x .venv/bin/python && "$(cat .venv/stamp 2>/dev/null)" == "$want" ]]; then exit 0; fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "python-sdk: Python 3.11 or newer is needed, this is $(python3 --version)" >&2; exit 1; }
rm -rf .venv
python3 -m venv .venv || { echo "python-sdk: python3 cannot make a virtual environment; install python3-venv" >&2; exit 1; }
.venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
echo "$want" > .venv/stamp
