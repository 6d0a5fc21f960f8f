#!/bin/sh
# Tests of configure: what it refuses and suggests, what it writes, and when it rebuilds. Run from the source tree.

set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() { echo "FAILED: $*" >&2; failures=$((failures + 1)); }

# refused OPTION WORDS : exit code 2, and the message has the words.
refused() {
    ./configure --builddir="$work/refused" "$1" > "$work/out" 2>&1
    code=$?
    if [ $code -ne 2 ]; then fail "$1 exits with $code, not 2"; fi
    grep -q -F -e "$2" "$work/out" || { fail "$1 does not say: $2"; cat "$work/out" >&2; }
}

refused --with-debgu 'did you mean "--with-debug"?'
refused --prefx=/opt/berth 'did you mean "--prefix"?'
refused --instal-deps 'did you mean "--install-deps"?'
refused --prefix= 'option "--prefix" needs a value'
refused --prefix 'option "--prefix" needs a value, behind a "="'
refused --with-no_such_thing_module 'unknown module'
refused --without-http_mpa_module 'did you mean "--without-http_map_module"?'
refused --without-http_core_module 'cannot be left out'
refused --frobnicate 'unknown option "--frobnicate"'
if [ -e "$work/refused" ]; then fail "a refused option leaves a build directory"; fi

./configure --help > "$work/help" || fail "--help exits with $?"
for option in --prefix --with-cc --with-sanitizer --add-module --install-deps --builddir; do
    grep -q -e "^  $option" "$work/help" || fail "--help does not name $option"
done

./configure --builddir="$work/missing" --with-cc=no-such-compiler > "$work/out" 2>&1 && fail "a missing compiler is accepted"
grep -q 'apt-get install g++' "$work/out" || fail "a missing compiler does not name its package"

./configure --builddir="$work/missing" --with-cc-opt=-fno-such-flag > "$work/out" 2>&1 && fail "a bad flag is accepted"
grep -q 'works, but not with these flags' "$work/out" || fail "a bad flag is not blamed"

./configure --builddir="$work/missing" --add-module="$work" > "$work/out" 2>&1 && fail "an empty module folder is accepted"
grep -q 'berth-module' "$work/out" || fail "an empty module folder is not explained"

configure_one() {
    ./configure --builddir="$work/one" --with-cc="${CXX:-g++}" --prefix='/opt/a "b"' --user=www --with-debug > "$work/out" 2>&1
}
configure_one || { fail "a plain run exits with $?"; cat "$work/out" >&2; }
header=$work/one/berth_config.hpp
for line in '#define BERTH_PREFIX "/opt/a \"b\""' '#define BERTH_USER "www"' '#define BERTH_CONF_PATH "conf/cluster.yaml"' \
    '#define BERTH_HAVE_EPOLLEXCLUSIVE 1'; do
    grep -q -x -F -e "$line" "$header" || fail "berth_config.hpp lacks: $line"
done
grep -q -F 'BERTH_CONFIGURE_ARGUMENTS "--builddir' "$header" || fail "berth_config.hpp lacks the arguments"
grep -q -e '-DBERTH_DEBUG' "$work/one/Makefile" || fail "--with-debug does not reach the Makefile"
if [ -e "$work/one/server" ]; then fail "configure built something"; fi

# The same choices leave the same file: nothing is rebuilt.
before=$(stat -c %y "$header")
configure_one || fail "a second run exits with $?"
[ "$before" = "$(stat -c %y "$header")" ] || fail "a second run with the same options touches berth_config.hpp"

# A module that can be left out is; its sources are not compiled.
module=$(sed 's/#.*//' auto/modules | awk '$3 == "on" { print $1; exit }')
if [ -n "$module" ]; then
    ./configure --builddir="$work/without" --with-cc="${CXX:-g++}" --without-"$module"_module > "$work/out" 2>&1 ||
        fail "--without-${module}_module exits with $?"
    path=$(sed 's/#.*//' auto/modules | awk -v m="$module" '$1 == m { sub(/,.*/, "", $2); print $2 }')
    make -n -f "$work/without/Makefile" "$work/without/server" 2> /dev/null | grep -q " src/${path%/}" && fail "$module is compiled although left out"
    auto/module_table "$work/without/modules.selected" "$work/without/modules.cpp" || fail "the module table is not written"
    grep -q -w "$module" "$work/without/modules.cpp" && fail "$module is in the table although left out"
fi

if [ $failures -gt 0 ]; then echo "configure_test: $failures failures" >&2; exit 1; fi
echo "configure_test: passed"
