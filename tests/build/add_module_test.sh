#!/bin/sh
# Builds a server with the module in tests/modules/hello, which stands outside the tree, and asks it for its greeting.

set -u
work=$(mktemp -d)
master=
cleanup() {
    if [ -n "$master" ]; then kill -TERM "$master" 2> /dev/null && wait "$master"; fi
    rm -rf "$work"
}
trap cleanup EXIT
fail() { echo "add_module_test: FAILED: $*" >&2; cat "$work"/*.log >&2 2> /dev/null; exit 1; }

# Away from the tree, as somebody's module would be.
cp -r tests/modules/hello "$work/hello"
./configure --builddir="$work/objs" --with-cc="${CXX:-g++}" --with-debug --add-module="$work/hello" > "$work/configure.log" 2>&1 ||
    fail "configure"
make -j2 -f "$work/objs/Makefile" > "$work/make.log" 2>&1 || fail "make"

cat > "$work/hello.conf" <<CONF
daemon off;
worker_processes 1;
pid $work/berth.pid;
error_log $work/error.log;
events { }
http {
    access_log off;
    server {
        listen unix:$work/socket;
        location / { hello "Hello from outside, \$uri"; }
    }
}
CONF
"$work/objs/server" -p "$work" -c "$work/hello.conf" > "$work/server.log" 2>&1 &
master=$!

# The pid file says that the socket is listening.
tries=0
while [ ! -s "$work/berth.pid" ]; do
    kill -0 "$master" 2> /dev/null || { master=; fail "the server ended"; }
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "the server is not ready"
    sleep 0.1
done

answer=$(curl -s --max-time 10 --unix-socket "$work/socket" http://localhost/there) || fail "curl exits with $?"
[ "$answer" = "Hello from outside, /there" ] || fail "it answers: $answer"
"$work/objs/server" --help hello 2>&1 | grep -q "Answers with this text" || fail "--help does not know the directive"
echo "add_module_test: passed"
