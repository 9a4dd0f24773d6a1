#!/usr/bin/env bash
# Installs what the tests need, builds with sanitizers, and runs every test there is.
# The last line counts them. May be run again at any time.
set -eu
cd "$(dirname "$0")/.."
. scripts/packages.sh

BUILD=build-test
passed=0
failed=0
skipped=0

case ${1-} in
-h | --help)
    echo "usage: scripts/test.sh    (no options; see HACKING.md for parts of it)"
    exit 0
    ;;
esac

# shellcheck disable=SC2086
install_packages $BUILD_PACKAGES $TEST_PACKAGES
command -v node >/dev/null || install_packages nodejs
command -v npm >/dev/null || install_packages npm
# One that compiles, for a test runs a source file.
command -v javac >/dev/null || install_packages default-jdk-headless

say "Node packages of the tests, by lock file"
lock=$(sha256sum tests/node/package-lock.json | cut -d' ' -f1)
if [ "$(cat tests/node/node_modules/.lock 2>/dev/null)" != "$lock" ]; then
    (cd tests/node && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) ||
        die "npm ci failed in tests/node"
    echo "$lock" >tests/node/node_modules/.lock
fi

say "Mail servers to talk to, unpacked and not installed"
# shellcheck disable=SC2086
scripts/fetch-deb.sh "$BUILD/peers" $PEERS $HAPROXY

say "Building with AddressSanitizer, UndefinedBehaviorSanitizer and LeakSanitizer"
build "$BUILD" --enable-werror --enable-sanitizers

# count WORD FILE: the sum of the numbers in lines "# WORD: n".
count() {
    awk -v word="# $1:" 'index($0, word) == 1 {n += $3} END {print n + 0}' "$2"
}

# count_checks FILE NAME: adds what make check wrote there to the sums.
count_checks() {
    local good bad

    grep -E '^(FAIL|ERROR|XPASS)' "$1" || true # none is the good case
    if ! grep -q '^# TOTAL: *[1-9]' "$1"; then
        tail -n 40 "$1"
        die "make check ran no test; its end is above, the whole in $1"
    fi
    good=$(count PASS "$1")
    bad=$(($(count FAIL "$1") + $(count ERROR "$1")))
    passed=$((passed + good))
    failed=$((failed + bad))
    skipped=$((skipped + $(count SKIP "$1")))
    echo "$2: $good passed, $bad failed"
}

say "Unit tests and checks (make check)"
make -C "$BUILD" check >"$BUILD/check.out" 2>&1 || true # judged by its counts below
count_checks "$BUILD/check.out" "unit tests and checks"

# The same tests under another compiler, and where plain char is unsigned as on arm64: what
# only the compiler of one machine accepts shows here.
other_build() {
    local folder=$1 name=$2
    shift 2

    say "Unit tests $name"
    build "$folder" --enable-werror "$@"
    make -C "$folder" -j"$(nproc)" check-unit >"$folder/check.out" 2>&1 || true # judged below
    count_checks "$folder/check.out" "unit tests $name"
}

other_build build-unsigned "where char is unsigned (gcc -funsigned-char)" \
    CC=gcc CFLAGS="-O1 -funsigned-char"
other_build build-clang "by clang" CC=clang CFLAGS="-O1"

say "Integration tests (pytest)"
# Root starts the private Postfix and reads the memory of the workers.
run_pytest() {
    as_root env PYTHONDONTWRITEBYTECODE=1 SESRELAY_BUILDDIR="$PWD/$BUILD" \
        PATH="$PATH" CORPUS_DIR="${CORPUS_DIR-}" \
        /usr/bin/python3 -m pytest -p no:cacheprovider -q -rfEs --tb=short \
        --junit-xml="$PWD/$BUILD/pytest.xml" tests/integration
}
rm -f "$BUILD/pytest.xml"
run_pytest || true # judged by its report below
[ -s "$BUILD/pytest.xml" ] || die "pytest wrote no report"
read -r tests bad skip <<EOF
$(/usr/bin/python3 - "$BUILD/pytest.xml" <<'PY'
import sys
import xml.etree.ElementTree as tree
suites = tree.parse(sys.argv[1]).getroot().iter("testsuite")
total = bad = skip = 0
for s in suites:
    total += int(s.get("tests"))
    bad += int(s.get("failures")) + int(s.get("errors"))
    skip += int(s.get("skipped"))
print(total, bad, skip)
PY
)
EOF
[ "$tests" -gt 0 ] || die "pytest ran no test"
passed=$((passed + tests - bad - skip))
failed=$((failed + bad))
skipped=$((skipped + skip))

say "The release tarball builds and passes its own checks (make distcheck)"
if make -C "$BUILD" distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-werror \
    >"$BUILD/distcheck.out" 2>&1; then
    passed=$((passed + 1))
else
    tail -n 40 "$BUILD/distcheck.out"
    failed=$((failed + 1))
fi

echo
if [ "$skipped" -gt 0 ]; then
    echo "$passed passed, $failed failed, $skipped skipped"
else
    echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
