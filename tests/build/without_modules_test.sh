#!/bin/sh
# Builds the smallest server, without any module that can be left out, and runs the tests that can do without them.

set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "without_modules_test: FAILED: $*" >&2; tail -n 40 "$work"/*.log >&2 2> /dev/null; exit 1; }

without=$(sed 's/#.*//' auto/modules | awk '$3 == "on" { print "--without-" $1 "_module" }')
[ -n "$without" ] || fail "there is no module that can be left out"
# One word each.
# shellcheck disable=SC2086
./configure --builddir="$work/objs" --with-cc="${CXX:-g++}" --with-debug $without > "$work/configure.log" 2>&1 || fail "configure"
make -j2 -f "$work/objs/Makefile" build-tests > "$work/make.log" 2>&1 || fail "make"
# In their short form, and with this build's own server.
unset BERTH_LONG BERTH_SERVER
make -f "$work/objs/Makefile" test > "$work/test.log" 2>&1 || fail "tests"
grep -q "this build leaves modules out" "$work/test.log" || fail "no test was skipped, so this build has all modules"
echo "without_modules_test: passed"
