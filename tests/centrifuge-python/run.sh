#!/usr/bin/env bash
# The official Python client's own suite, unmodified, from its source distribution. It has its server's address as a constant
# (localhost:8000), so it runs in a network namespace of its own, where that port is free; without the right to make one, it
# needs the port here. Prints what unittest prints.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
version=0.7.0
site=$root/target/centrifuge-python
bin=${TANDEM_BIN:-$root/target/sim/tandem}

if [[ "$(cat "$site/stamp" 2>/dev/null)" != "$version" ]]; then
  rm -rf "$site"
  python3 -m venv "$site"
  pip=("$site/bin/python" -m pip --quiet --disable-pip-version-check)
  "${pip[@]}" install "centrifuge-python==$version"
  "${pip[@]}" download --no-deps --no-binary centrifuge-python --dest "$site" "centrifuge-python==$version"
  tar xzf "$site/centrifuge_python-$version.tar.gz" -C "$site"
  echo "$version" >"$site/stamp"
fi

if [[ -z ${TANDEM_NAMESPACE:-} ]] && unshare --net --map-root-user true 2>/dev/null; then
  TANDEM_NAMESPACE=1 exec unshare --net --map-root-user bash "$0" "$@"
fi
[[ -z ${TANDEM_NAMESPACE:-} ]] || ip link set lo up
unset TANDEM_NAMESPACE
data=$(mktemp -d)
"$bin" serve --config "$here/server.yaml" --data "$data" >"$data/ready" 2>"$data/log" &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null; rm -rf "$data"' EXIT
for _ in $(seq 100); do
  grep -q ready "$data/ready" && break
  kill -0 $server 2>/dev/null || { cat "$data/log" >&2; echo "centrifuge-python: the server did not start (is port 8000 free?)" >&2; exit 1; }
  sleep 0.1
done
cd "$site/centrifuge_python-$version"
"$site/bin/python" -m unittest discover -s tests
