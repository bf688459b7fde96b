#!/usr/bin/env bash
# Tests the extension where no VS Code is needed, in the folder of its sources: `extension.sh PROGRAM`.
set -euo pipefail

MOST_BYTES=300000 # of the package, without the program
passed=0 failed=0

check() {
  local about=$1
  shift
  if "$@"; then
    echo "ok   $about"
    passed=$((passed + 1))
  else
    echo "FAIL $about"
    failed=$((failed + 1))
  fi
}

small() {
  local bytes
  bytes=$(wc -c <dist/stepwright.vsix)
  echo "     $bytes bytes"
  ((bytes <= MOST_BYTES))
}

check "types" npm run --silent check
check "units" npm test --silent
check "the settings are those of the program" node scripts/settings.mjs "$1" --check
check "the package is small" small
echo "$passed passed, $failed failed"
((failed == 0))
