#!/usr/bin/env bash
# Programs of the distribution that the tests start. As root on Debian or Ubuntu they are installed; elsewhere this
# names exactly what is missing and how to get it.
set -euo pipefail

packages=()
reasons=()
need() { # PACKAGE REASON
    packages+=("$1")
    reasons+=("  $1: $2")
}

has() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1" >/dev/null; }
java_major() { java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1; }

python3 -c 'import ensurepip' 2>/dev/null || need python3-venv "virtual environments"
! has dpkg-deb || [ -x /usr/bin/python3 ] || need python3 "the interpreter of the Debian package"
has mosquitto || need mosquitto "MQTT broker of the cluster tests"
has redis-server || need redis-server "task queue and live push"
has mvn || need maven "fetches Apache Kafka"
if ! has java || [ "$(java_major)" -lt 17 ]; then
    need openjdk-17-jre-headless "runs Apache Kafka (17 or newer)"
fi
has chromium || has chromium-browser || has google-chrome || need chromium "drives the dashboard"
has softhsm2-util || need softhsm2 "a PKCS#11 token for keys that sign releases"
if ! has gcc && ! has cc; then
    need gcc "builds the floor of the bridge benchmark"
    need libc6-dev "its headers"
fi

[ ${#packages[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -eq 0 ] && has apt-get; then
    echo "installing ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    for i in "${!packages[@]}"; do # newer releases carry a newer Java only
        if [ "${packages[$i]}" = openjdk-17-jre-headless ] && ! apt-cache show openjdk-17-jre-headless >/dev/null 2>&1; then
            packages[i]=default-jre-headless
        fi
    done
    apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    exit 0
fi

{
    echo "The tests need programs that are not installed here:"
    printf '%s\n' "${reasons[@]}"
    echo "On Debian or Ubuntu: sudo apt-get install --no-install-recommends ${packages[*]}"
    echo "Elsewhere install the programs of the same names; \`make check\` needs none of them."
} >&2
exit 1
