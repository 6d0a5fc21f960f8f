#!/bin/sh
# Tests of make install: everything under DESTDIR, a configuration that is there is kept, uninstall takes back the program.

set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "install_test: FAILED: $*" >&2; exit 1; }

printf '#!/bin/sh\n' > "$work/server"
run() {
    SERVER=$work/server PREFIX=/opt/berth SBIN_PATH=sbin/berth CONF_PATH=conf/cluster.yaml PID_PATH=logs/berth.pid \
        ERROR_LOG_PATH=logs/error.log HTTP_LOG_PATH=/var/log/berth/access.log DESTDIR=$work/root auto/install "$1" > "$work/out"
}
root=$work/root/opt/berth

run install || fail "exits with $?"
for file in sbin/berth conf/cluster.yaml conf/cluster.yaml.default conf/nginx.conf conf/mime.types conf/fastcgi_params conf/html/index.html \
    lib/systemd/system/berth.service; do
    [ -f "$root/$file" ] || fail "$file is missing"
done
[ -x "$root/sbin/berth" ] || fail "the program is not executable"
[ -d "$root/logs" ] && [ -d "$work/root/var/log/berth" ] || fail "the folders of the logs are missing"
grep -q 'root: /opt/berth/conf/html' "$root/conf/cluster.yaml" || fail "the sample does not point at its pages"
grep -q 'access_log: /var/log/berth/access.log' "$root/conf/cluster.yaml" || fail "the sample does not name the access log"

echo 'mine' > "$root/conf/cluster.yaml"
echo 'my page' > "$root/conf/html/index.html"
run install || fail "a second time exits with $?"
[ "$(cat "$root/conf/cluster.yaml")" = mine ] || fail "a configuration was overwritten"
[ "$(cat "$root/conf/html/index.html")" = 'my page' ] || fail "a page was overwritten"
find "$work/root" -name '*.new' | grep -q . && fail "something half written is left"

run uninstall || fail "uninstall exits with $?"
[ ! -e "$root/sbin/berth" ] || fail "uninstall leaves the program"
[ "$(cat "$root/conf/cluster.yaml")" = mine ] || fail "uninstall takes the configuration"
echo "install_test: passed"
