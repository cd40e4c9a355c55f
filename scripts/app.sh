#!/usr/bin/env bash
# Builds the web app into clients/app/dist, from where the binary takes it. Does nothing when no source has changed.
source "$(dirname "$0")/lib.sh"
npm_ci clients
sources() { find clients -path '*/node_modules' -prune -o -path '*/dist' -prune -o -type f ! -path '*/test/*' -print0 | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1; }
want=$(sources)
if [[ -f clients/app/dist/index.html && "$(cat clients/app/dist/.stamp 2>/dev/null)" == "$want" ]]; then
  exit 0
fi
say "building the web app"
npm run --silent build --prefix clients
echo "$want" >clients/app/dist/.stamp
