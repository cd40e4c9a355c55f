#!/bin/sh
# Installs the browser that the tests drive. Debian and Ubuntu; elsewhere set CHROMIUM to a browser you have.
set -eu
if [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  echo "Chromium is here: ${CHROMIUM:-/usr/bin/chromium}"
  exit 0
fi
command -v apt-get >/dev/null || { echo "Install Chromium by hand and set CHROMIUM to its path." >&2; exit 1; }
SUDO=""
[ "$(id -u)" = 0 ] || SUDO="sudo"
$SUDO apt-get update
$SUDO env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-dejavu-core fonts-noto-color-emoji
