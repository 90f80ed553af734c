#!/usr/bin/env bash
# Runs cluster.yaml and box.yaml with the images that deploy/docker/try.sh built, on a machine that reaches no registry: brokers and
# database are stand-ins made of Debian's packages and Maven's jars (stand-in/), the network, the secrets, the limits and the
# commands are the file's. An edge box publishes over TLS with a certificate of its own, and its readings are looked for in the
# database. As root on Debian 12, after deploy/docker/try.sh.
#   deploy/compose/try.sh [cluster] [box]
set -euo pipefail
# shellcheck source=deploy/docker/engine.sh disable=SC1091
. "$(dirname "$0")/../docker/engine.sh"
[ $# -gt 0 ] || set -- cluster box
for target in bridge edge cloud; do
    has_image "localhost/shoal/$target:$VERSION" || fail "no image of $target: deploy/docker/try.sh first"
done

# A copy, so that secrets of a real cluster are not touched.
mkdir -p "$TRY/deploy"
cp -r "$ROOT/deploy/compose" "$ROOT/deploy/mosquitto" "$ROOT/deploy/observability" "$TRY/deploy/"
cd "$TRY/deploy/compose"
mkdir -p repository backup
export SHOAL_REGISTRY=localhost/shoal SHOAL_VERSION=$VERSION SHOAL_KAFKA_JARS=$TRY/kafka-jars
export MOSQUITTO_IMAGE=$STAND_IN/mosquitto:2 KAFKA_IMAGE=$STAND_IN/kafka:4.1.0 TIMESCALE_IMAGE=$STAND_IN/postgres:15 REDIS_IMAGE=$STAND_IN/redis:7

program=$(command -v podman-compose || :)
if [ -z "$program" ]; then
    program=$TRY/podman-compose/bin/podman-compose
    [ -x "$program" ] || { python3 -m venv "$TRY/podman-compose" && "$TRY/podman-compose/bin/pip" install --quiet podman-compose==1.6.0; }
fi
compose() { "$program" --in-pod=false -f cluster.yaml -f stand-in/override.yaml "$@"; }
container() { podman ps --all --filter "label=com.docker.compose.service=$1" --format '{{.Names}}' | head -n 1; }
healthy() { podman healthcheck run "$(container "$1")"; }
ended_well() { [ "$(podman inspect --format '{{.State.Status}} {{.State.ExitCode}}' "$(container "$1")")" = "exited 0" ]; }

cluster() {
    stand_in mosquitto:2 mosquitto "install -d -o 1883 -g 1883 /mosquitto/config /mosquitto/data" --cmd '["mosquitto","-c","/mosquitto/config/mosquitto.conf"]'
    stand_in postgres:15 postgresql-15 "install -d -o postgres -g postgres -m 0700 /var/lib/postgresql/data" --user postgres --cmd entry
    stand_in kafka:4.1.0 openjdk-17-jre-headless "install -d -o 1000 -g 1000 /var/lib/kafka/data" --user 1000 --cmd /opt/kafka/entry
    stand_in redis:7 redis-server :
    [ -d "$SHOAL_KAFKA_JARS" ] || mvn -B -q -f stand-in/kafka-pom.xml dependency:copy-dependencies "-DoutputDirectory=$SHOAL_KAFKA_JARS"

    say "secrets, and the certificate of one box"
    ./make-secrets.sh
    (
        cd secrets
        mkdir -p box
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj '/CN=try\/edge-1' -keyout box/device.key -out box/device.csr 2>/dev/null
        openssl x509 -req -days 30 -in box/device.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out box/device.pem 2>/dev/null
        cp ca.pem box/ca.pem
        chmod 0755 box
        chmod 0644 box/*
    )

    # podman-compose 1.6 waits for no health with podman 4.3, so the order of the file's depends_on is walked here.
    say "brokers and database"
    compose up --detach mosquitto kafka database redis >"$TRY/compose.log" 2>&1 || fail "$(tail -n 20 "$TRY/compose.log")"
    until_true 180 "the database is healthy" healthy database
    until_true 600 "Kafka is healthy" healthy kafka
    say "topics and migrations"
    compose up --detach --no-deps topics migrate >>"$TRY/compose.log" 2>&1 || fail "$(tail -n 20 "$TRY/compose.log")"
    until_true 600 "the database has its schema" ended_well migrate
    until_true 600 "Kafka has its topics" ended_well topics
    say "bridges, ingest, API"
    compose up --detach --no-deps bridge-1 bridge-2 ingest api >>"$TRY/compose.log" 2>&1 || fail "$(tail -n 20 "$TRY/compose.log")"
    for service in bridge-1 bridge-2 ingest api; do
        until_true 240 "$service is healthy" healthy "$service"
    done
    # shellcheck disable=SC2329  # until_true calls it
    ready() { podman exec "$(container api)" python /opt/healthy.py http://127.0.0.1:8080/ready; }
    until_true 60 "the API answers /ready" ready
    curl --silent --fail --max-time 10 http://127.0.0.1:8080/ready && echo

    say "one box, over TLS"
    river_box "$TRY/box" "host: mosquitto, port: 8883, tls: {ca_file: /etc/tls/ca.pem, cert_file: /etc/tls/device.pem, key_file: /etc/tls/device.key}"
    podman rm --force --time 1 try-box >/dev/null 2>&1 || :
    podman run --detach --name try-box --network shoal_devices "${HARDENED[@]}" --volume "$TRY/box:/etc/shoal:ro" \
        --volume "$PWD/secrets/box:/etc/tls:ro" "localhost/shoal/edge:$VERSION" >/dev/null
    sql() { podman exec --env "PGPASSWORD=$(cat secrets/database_password)" "$(container database)" psql -qAt -U shoal -h 127.0.0.1 -d shoal -c "$1"; }
    # shellcheck disable=SC2329  # until_true calls it
    arrived() { [ "$(sql 'SELECT count(*) FROM reading')" -ge 3 ]; }
    until_true 300 "its readings are in the database" arrived
    sql "SELECT s.slug || ' ' || c.name || ' ' || l.value || ' quality ' || l.quality FROM reading_latest l JOIN channel c ON c.id = l.channel_id JOIN device d ON d.id = c.device_id JOIN site s ON s.id = d.site_id"

    say "what the hardening of the file came to"
    for service in api ingest bridge-1; do
        podman exec "$(container "$service")" sh -c 'grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status | tr "\n" " "; touch /opt/x 2>&1 || :'
    done
    podman exec "$(container api)" sh -c 'touch /var/lib/shoal/storage/x && rm /var/lib/shoal/storage/x' || fail "the API cannot write its pictures"
    say "cluster: good"
    podman rm --force --time 10 try-box >/dev/null 2>&1 || :
    compose down --volumes >>"$TRY/compose.log" 2>&1 || :
}

box() {
    has_image "localhost/shoal/box:$VERSION" || fail "no image of the box: deploy/docker/try.sh box"
    chown 10001:10001 backup
    "$program" --in-pod=false -f box.yaml up --detach >"$TRY/compose.log" 2>&1 || fail "$(tail -n 20 "$TRY/compose.log")"
    until_true 300 "the box is healthy" healthy box
    curl --silent --fail --max-time 10 http://127.0.0.1:8080/ready && echo
    say "a backup by the file's own service"
    "$program" --in-pod=false -f box.yaml --profile backup run --rm backup
    podman run --rm --network none --volume "$PWD/backup:/backup:ro" "localhost/shoal/box:$VERSION" admin check-backup "/backup/$(cd backup && find . -maxdepth 1 -name '*.tar*' -printf '%P\n' | head -n 1)"
    "$program" --in-pod=false -f box.yaml down --volumes >>"$TRY/compose.log" 2>&1 || :
    say "box: good"
}

for what in "$@"; do
    "$what"
done
