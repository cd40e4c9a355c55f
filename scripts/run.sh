#!/usr/bin/env bash
# Builds everything and starts a development server. Arguments go to `tandem serve`.
source "$(dirname "$0")/lib.sh"
bash scripts/setup.sh build
bash scripts/app.sh
say "building the server (the first time takes some minutes)"
cargo build --release -p tandem
port=${TANDEM_PORT:-7880}
for ((i = 1; i <= $#; i++)); do [[ ${!i} == --port ]] && { next=$((i + 1)); port=${!next}; }; done
say "starting: open http://127.0.0.1:$port in a browser (two tabs make a meeting); Ctrl-C ends it"
exec target/release/tandem serve --dev "$@"
