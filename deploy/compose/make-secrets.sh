#!/bin/sh
# Makes ./secrets with random passwords and certificates for broker and bridge. Changes nothing that is there.
set -eu
umask 077
cd "$(dirname "$0")"
folder="${1:-secrets}"
mkdir -p "$folder"
cd "$folder"

random() { # NAME
    [ -s "$1" ] || openssl rand -hex 24 | tr -d '\n' >"$1"
}
random database_password
random shoal_secret_key
random grafana_password
random shoal_assigner_passphrase
random minio_user
random minio_password
[ -s shoal_database_url ] || printf 'postgresql://shoal:%s@database:5432/shoal' "$(cat database_password)" >shoal_database_url
random redis_password
[ -s shoal_redis_url ] || printf 'redis://:%s@redis:6379/0' "$(cat redis_password)" >shoal_redis_url
[ -s shoal_tasks_broker_url ] || printf 'redis://:%s@redis:6379/1' "$(cat redis_password)" >shoal_tasks_broker_url
[ -s redis_configuration ] || printf 'requirepass %s\nmaxmemory 256mb\nmaxmemory-policy allkeys-lru\nsave ""\n' "$(cat redis_password)" >redis_configuration
: >nothing
mkdir -p keys
chmod 0755 keys
[ -e alertmanager_token ] || printf 'replace-me' >alertmanager_token

if [ ! -s ca.pem ]; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=shoal \
        -keyout ca.key -out ca.pem 2>/dev/null
fi
certificate() { # FILE COMMON_NAME ALTERNATIVE_NAME
    [ -s "$1.pem" ] && return
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -keyout "$1.key" -out "$1.csr" 2>/dev/null
    printf 'subjectAltName=DNS:%s\n' "$3" >"$1.ext"
    openssl x509 -req -days 825 -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    rm "$1.csr" "$1.ext"
}
certificate broker mosquitto "${SHOAL_BROKER_NAME:-mosquitto}"
certificate bridge bridge bridge
# Compose mounts secrets as they are on the disk; the programs run as other users.
chmod 0644 ./*.pem bridge.key broker.key shoal_database_url shoal_redis_url shoal_tasks_broker_url redis_configuration nothing shoal_secret_key shoal_assigner_passphrase minio_user minio_password database_password grafana_password alertmanager_token
chmod 0711 .
echo "secrets are in $(pwd); ca.key signs every device: keep it elsewhere"
