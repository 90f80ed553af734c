#!/usr/bin/env bash
# Builds the images of the Dockerfile and runs each of them, on a machine that reaches no registry: the base is a stand-in
# (engine.sh), everything after it is the Dockerfile as it is. As root on Debian 12; half an hour on a slow machine.
#   deploy/docker/try.sh [TARGET...]     bridge, edge, cloud and box without arguments; train (torch) only by name
#   deploy/docker/try.sh clean           ends the containers and deletes every image that was made here
# The programs together, with brokers and a database: deploy/compose/try.sh.
set -euo pipefail
# shellcheck source=deploy/docker/engine.sh disable=SC1091
. "$(dirname "$0")/engine.sh"

if [ "${1:-}" = clean ]; then
    clean
    exit 0
fi
[ $# -gt 0 ] || set -- bridge edge cloud box

# What every image promises: its user, what may be written and what may not, a program that starts.
promises() { # TARGET
    local target=$1 image=localhost/shoal/$1:$VERSION
    [ "$(podman run --rm --network none --entrypoint id "$image" -u)" = 10001 ] || fail "$target runs as another user"
    podman run --rm --network none "${HARDENED[@]}" --entrypoint sh "$image" -ec \
        '! touch /opt/shoal/x 2>/dev/null; ! touch /etc/x 2>/dev/null; touch /var/lib/shoal/x /var/lib/shoal/storage/x /tmp/x' ||
        fail "$target: what may be written"
    [ "$target" = train ] || podman run --rm --network none "${HARDENED[@]}" "$image" --help >/dev/null || fail "$target: shoal --help"
    echo "  $target: user 10001, root read-only, program starts, $(podman image inspect --format '{{.Size}}' "$image" | awk '{printf "%d MB", $1 / 1e6}')"
}

# A container that stays is told well by the health check that its image carries, and ends by SIGTERM within its time.
lives() { # TARGET [ARGUMENTS of podman run]
    local target=$1
    shift
    podman rm --force --time 1 "try-$target" >/dev/null 2>&1 || :
    podman run --detach --name "try-$target" --network none "${HARDENED[@]}" "$@" "localhost/shoal/$target:$VERSION" >/dev/null
    until_true 180 "$target: its health check says well" podman healthcheck run "try-$target"
    podman stop --time 60 "try-$target" >/dev/null 2>&1
    [ "$(podman inspect --format '{{.State.ExitCode}}' "try-$target")" = 0 ] || fail "$target did not end by SIGTERM: $(podman logs --tail 5 "try-$target" 2>&1)"
    echo "  $target: ended by SIGTERM"
    podman rm --volumes "try-$target" >/dev/null
}

for target in "$@"; do
    built_image "$target"
    promises "$target"
done
for target in "$@"; do
    case $target in
        edge)
            river_box "$TRY/edge" "host: 127.0.0.1, port: 1883"
            lives edge --volume "$TRY/edge:/etc/shoal:ro"
            ;;
        box) lives box ;;
        bridge | cloud) ;; # they need brokers and a database: deploy/compose/try.sh
        *) ;;
    esac
done
say "images: good"
