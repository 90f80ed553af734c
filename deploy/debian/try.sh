#!/usr/bin/env bash
# Builds the edge's package, asks lintian, and lives through its life in a Debian 12 with systemd as init: installed, examined,
# started, killed, frozen, upgraded, removed, purged. As root on Debian 12, ten minutes on a slow machine.
#   deploy/debian/try.sh [PACKAGE.deb]
set -euo pipefail
# shellcheck source=deploy/docker/engine.sh disable=SC1091
. "$(dirname "$0")/../docker/engine.sh"

deb=${1:-}
if [ -z "$deb" ]; then
    say "package"
    nice -n 10 "$ROOT/deploy/debian/build.sh" edge "$TRY"
    deb=$TRY/shoal-edge_${VERSION}_$(dpkg --print-architecture).deb
fi
if command -v lintian >/dev/null; then
    say "lintian"
    nice -n 10 lintian --fail-on error --suppress-tags executable-not-elf-or-script,script-not-executable "$deb"
else
    echo "lintian is not installed: not asked"
fi

stand_in systemd:12 "systemd systemd-sysv dbus python3 procps" : --entrypoint '["/lib/systemd/systemd"]' --stop-signal SIGRTMIN+3
podman rm --force --time 1 shoal-deb >/dev/null 2>&1 || :
trap 'podman rm --force --time 1 shoal-deb >/dev/null 2>&1 || :' EXIT
# Privileged: systemd mounts and makes cgroups for its units. No network: nothing may be fetched at an installation.
podman run --detach --name shoal-deb --privileged --systemd always --network none --volume "$(realpath "$deb"):/package.deb:ro" \
    "$STAND_IN/systemd:12" >/dev/null
inside() { podman exec shoal-deb "$@"; }
main_pid() { inside systemctl show --property MainPID --value shoal-edge; }
runs_anew() { [ "$(main_pid)" != "$1" ] && [ "$(main_pid)" != 0 ] && inside systemctl is-active --quiet shoal-edge; }
until_true 60 "systemd is up" inside systemctl is-system-running

say "installed"
inside dpkg --install /package.deb | tail -n 1
inside shoal --help >/dev/null
! inside systemctl is-active --quiet shoal-edge || fail "an installation started the agent"
[ "$(inside stat -c %U:%G:%a /etc/shoal/edge.yaml)" = root:shoal:640 ] || fail "everybody can read the settings"
inside test -f /opt/shoal/share/doc/shoal/README.md || fail "the page that the units name is not there"
inside shoal edge check --config /etc/shoal/edge.yaml

say "a box of its own"
river_box "$TRY/box" "host: 127.0.0.1, port: 1883"
for file in river.csv edge.yaml; do
    podman exec --interactive shoal-deb sh -c "cat >/etc/shoal/$file" <"$TRY/box/$file"
done
# There is no broker and no clock server here: the doctor says so, and ends with 1.
inside shoal edge doctor --config /etc/shoal/edge.yaml || [ $? -eq 1 ]
inside systemctl enable --quiet --now shoal-edge # returns when the agent has said that it is ready
inside python3 -c 'import urllib.request as u; assert u.urlopen("http://127.0.0.1:9600/healthz", timeout=10).status == 200'
inside systemctl show --property StatusText shoal-edge
inside journalctl --unit shoal-edge --no-pager | grep "launcher: starts the machine's own" || fail "the launcher did not start the agent"

say "killed, frozen, upgraded"
pid=$(main_pid)
inside kill -KILL "$pid"
until_true 120 "started again after SIGKILL" runs_anew "$pid"
pid=$(main_pid)
inside kill -STOP "$pid"
until_true 240 "started again by the watchdog after SIGSTOP" runs_anew "$pid"
inside systemctl show --property NRestarts shoal-edge
pid=$(main_pid)
inside dpkg --install /package.deb >/dev/null
runs_anew "$pid" || fail "an upgrade left the old program running"
inside grep -q 'site: try' /etc/shoal/edge.yaml || fail "an upgrade took the settings"
echo "  an upgrade restarted the agent and kept its settings"

say "removed, purged"
inside dpkg --remove shoal-edge >/dev/null
! inside systemctl is-active --quiet shoal-edge || fail "a removal left the agent running"
! inside test -e /opt/shoal || fail "a removal left files: $(inside find /opt/shoal | head -n 5)"
inside test -s /etc/shoal/edge.yaml || fail "a removal took the settings"
inside dpkg --purge shoal-edge
! inside test -e /etc/shoal || fail "a purge left settings"
inside test -s /var/lib/shoal/edge/outbox.db || fail "a purge took measurements"
say "package: good"
