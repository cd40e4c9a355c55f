#!/usr/bin/env bash
# One archive for this machine's platform in dist/: the binary, licences, an example configuration, a checksum.
source "$(dirname "$0")/lib.sh"
bash scripts/setup.sh build
bash scripts/app.sh
cargo build --release --locked -p tandem
version=$(target/release/tandem --version | cut -d' ' -f2)
name=tandem-$version-$(rustc -vV | sed -n 's/^host: //p')
rm -rf "target/dist/$name"
mkdir -p "target/dist/$name" dist
cp target/release/tandem LICENSE-APACHE LICENSE-MIT CHANGELOG.md tandem.example.yaml "target/dist/$name/"
[[ -f README.md ]] && cp README.md "target/dist/$name/"
tar -C target/dist --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$(git log -1 --format=%ct)" -czf "dist/$name.tar.gz" "$name"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
say "dist/$name.tar.gz"
