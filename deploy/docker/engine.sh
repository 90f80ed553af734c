# shellcheck shell=bash
# Sourced by the try.sh scripts: a podman of their own, and stand-ins for the base images where no registry can be reached.
# Everything lies in $SHOAL_TRY_DIR; `clean` takes it away, and the engine of the machine sees nothing of it.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TRY=${SHOAL_TRY_DIR:-${TMPDIR:-/tmp}/shoal-try}
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/pyproject.toml" | head -n 1)
STAND_IN=localhost/stand-in
mkdir -p "$TRY"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() {
    echo "FAILED: $*" >&2
    exit 1
}

for tool in podman buildah mmdebstrap openssl; do
    command -v "$tool" >/dev/null || fail "$tool is missing: apt-get install --no-install-recommends podman buildah mmdebstrap netavark aardvark-dns runc iptables catatonit"
done
[ "$(id -u)" -eq 0 ] || fail "mmdebstrap and the networks of containers need root here"

# runc rather than crun: it also knows machines that mount both versions of cgroups. Limits below what the engine asks for by
# default, which only a caller with CAP_SYS_RESOURCE may have; the programs need neither.
cat >"$TRY/containers.conf" <<END
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=8192:8192"]
log_driver = "k8s-file"
[engine]
runtime = "$(command -v runc >/dev/null && echo runc || echo crun)"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
network_config_dir = "$TRY/networks"
END
cat >"$TRY/storage.conf" <<END
[storage]
driver = "overlay"
runroot = "$TRY/run"
graphroot = "$TRY/storage"
END
export CONTAINERS_CONF=$TRY/containers.conf CONTAINERS_STORAGE_CONF=$TRY/storage.conf

# What pip and apt of this machine need to reach a package index, lent to the build and in no image.
lent=()
if [ -n "${PIP_CERT:-}${PIP_INDEX_URL:-}" ]; then
    {
        echo "[global]"
        [ -z "${PIP_CERT:-}" ] || echo "cert = /run/lent/certificates.pem"
        [ -z "${PIP_INDEX_URL:-}" ] || echo "index-url = $PIP_INDEX_URL"
    } >"$TRY/pip.conf"
    lent+=(--volume "$TRY/pip.conf:/etc/pip.conf:ro")
    [ -z "${PIP_CERT:-}" ] || lent+=(--volume "$(realpath "$PIP_CERT"):/run/lent/certificates.pem:ro")
fi

has_image() { podman image exists "$1"; }

# The smallest Debian 12 with the libraries that python:3.12-slim-bookworm has. Not that image: its layers, its Python's build
# and its later fixes differ.
stand_in_debian() {
    has_image "$STAND_IN/debian:12" && return
    say "stand-in: Debian 12"
    [ -s "$TRY/debian.tar" ] || nice -n 10 mmdebstrap --quiet --variant=minbase \
        --include=ca-certificates,netbase,tzdata,libbz2-1.0,libexpat1,libffi8,libgdbm6,liblzma5,libncursesw6,libnsl2,libreadline8,libsqlite3-0,libssl3,libuuid1,zlib1g \
        bookworm "$TRY/debian.tar"
    podman import --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' --change 'CMD ["bash"]' \
        "$TRY/debian.tar" "$STAND_IN/debian:12" >/dev/null
}

# A stand-in made of Debian's own packages: stand_in NAME:TAG "packages" "last command" [buildah config options...]
# Files under deploy/compose/stand-in/NAME are copied to /, so that it answers to the paths and variables of the image it stands for.
stand_in() {
    local image=$STAND_IN/$1 files=$ROOT/deploy/compose/stand-in/${1%%:*} packages=$2 command=$3 container
    shift 3
    has_image "$image" && return
    stand_in_debian
    say "stand-in: $image ($packages)"
    container=$(buildah from --pull-never "$STAND_IN/debian:12")
    # Debian starts services at their installation; a container has one, and its entry starts it.
    buildah run --network host "$container" -- sh -ec "
        printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 0755 /usr/sbin/policy-rc.d
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages >/dev/null
        rm -rf /var/lib/apt/lists/*
        $command"
    [ ! -d "$files" ] || buildah add --quiet "$container" "$files" / >/dev/null
    buildah config "$@" "$container"
    buildah commit --quiet --rm --format docker "$container" "$image" >/dev/null
}

# python:3.12-slim-bookworm keeps its interpreter under /usr/local. PYTHON_PREFIX names a CPython that lies in one folder here
# (pyenv's, for example); without it the stand-in has Debian's 3.11, which the locks know as well.
stand_in_python() {
    local image=$STAND_IN/python:3.12-slim-bookworm container
    has_image "$image" && return
    if [ -z "${PYTHON_PREFIX:-}" ]; then
        stand_in python:3.12-slim-bookworm "python3 python3-venv" "ln -s /usr/bin/python3 /usr/local/bin/python" --cmd python3
        return
    fi
    stand_in_debian
    say "stand-in: Python of $PYTHON_PREFIX"
    container=$(buildah from --pull-never "$STAND_IN/debian:12")
    tar -C "$PYTHON_PREFIX" --exclude='site-packages/*' --exclude='test' --exclude='__pycache__' --exclude='*.a' -cf "$TRY/python.tar" bin lib include
    buildah add --quiet "$container" "$TRY/python.tar" /usr/local/ >/dev/null
    rm "$TRY/python.tar"
    buildah run "$container" -- sh -ec 'ldconfig && cd /usr/local/bin && ln -sf python3.12 python3 && ln -sf python3 python && python -c "import ssl, sqlite3, ctypes, lzma, bz2"'
    buildah config --cmd python3 "$container"
    buildah commit --quiet --rm --format docker "$container" "$image" >/dev/null
}

# An image of ours, of the Dockerfile as it is: built_image TARGET
built_image() {
    stand_in_python
    say "image: $1"
    nice -n 10 buildah build --format docker --layers --network host --pull-never "${lent[@]}" \
        --build-arg "PYTHON_IMAGE=$STAND_IN/python:3.12-slim-bookworm" \
        --file "$ROOT/deploy/docker/Dockerfile" --target "$1" --tag "localhost/shoal/$1:$VERSION" "$ROOT"
}

# As compose and Kubernetes run them: nothing writable but /tmp and the data, no capability, no way to more rights.
# shellcheck disable=SC2034  # of the scripts that source this
HARDENED=(--read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges)

# until_true SECONDS WHAT COMMAND...: waits for a command to succeed.
until_true() {
    local seconds=$1 what=$2 end
    shift 2
    end=$((SECONDS + seconds))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || fail "$what: not after $seconds s"
        sleep 1
    done
    echo "  $what"
}

# The settings of a box that measures a recorded series, and the series: river_box FOLDER "WHAT STANDS UNDER mqtt"
river_box() {
    mkdir -p "$1"
    printf 'time,do\n2026-01-01T00:00:00Z,9.1\n2026-01-01T00:00:02Z,9.0\n2026-01-01T00:00:04Z,9.2\n' >"$1/river.csv"
    cat >"$1/edge.yaml" <<END
site: try
device: edge-1
data_dir: /var/lib/shoal/edge
units: [{slug: tank-1, name: Tank 1, kind: tank, species: salmo_salar, stage: growout, volume_m3: 120}]
mqtt: {$2}
sensors:
  - name: river
    driver: replay
    file: river.csv
    loop: true
    channels: [{name: tank-1.do, unit: tank-1, quantity: do, column: do}]
END
}

clean() {
    podman rm --all --force --time 5 >/dev/null 2>&1 || :
    podman network prune --force >/dev/null 2>&1 || :
    podman volume prune --force >/dev/null 2>&1 || :
    podman system reset --force >/dev/null 2>&1 || :
    rm -rf "$TRY"
}
