#!/bin/sh
# rolling-update.sh SERVICE - puts new containers in the place of all of one service's
# (gateway live articles comments polls), one after another, while it goes on serving: start one more,
# wait until it is well, and only then drain an old one. Run it beside docker-compose.yml, after the
# new image was built or pulled; what is new is whatever `docker-compose up` would start now.
# Environment: COMPOSE (docker-compose, else docker compose), VOXPOP_UPDATE_SECONDS (60: the longest
# wait for one instance). A new one that does not become well is removed again, and the old ones
# stay. SPDX-License-Identifier: MIT
set -eu

say() { printf '%s\n' "rolling-update: $*" >&2; }
die() { say "$*"; exit 1; }

if [ -z "${COMPOSE:-}" ]; then
    if command -v docker-compose >/dev/null; then COMPOSE=docker-compose; else COMPOSE='docker compose'; fi
fi
compose() { $COMPOSE "$@"; }
seconds=${VOXPOP_UPDATE_SECONDS:-60}

case ${1:-} in
gateway | live | articles | comments | polls) service=$1 ;;
*)
    echo "usage: rolling-update.sh gateway|live|articles|comments|polls" >&2
    exit 2
    ;;
esac

# What its health check asks, now and not in half a minute: a call on the wire, or /readyz.
is_well() { # container
    case $service in
    gateway) docker exec "$1" probe.sh 8082 /readyz ;;
    live) docker exec "$1" probe.sh 8083 /readyz ;;
    *) docker exec "$1" voxpop ping tcp://127.0.0.1:5550 ;;
    esac >/dev/null 2>&1
}

wait_until_well() { # container
    until is_well "$1"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.5
    done
}

# Callers look into the registry every 250 ms, an instance is in it with its first beat, and the edge
# asks for names once a second and checks them at once.
let_them_find_it() { sleep 3; }

# On SIGTERM an instance takes its leave, ends what it has and exits with 0.
drain() { # container
    docker stop --time 20 "$1" >/dev/null
    code=$(docker inspect --format '{{.State.ExitCode}}' "$1")
    docker rm "$1" >/dev/null
    [ "$code" = 0 ] || die "$1 did not end cleanly: $code"
}

old=$(compose ps -q "$service")
[ -n "$old" ] || die "no container of $service runs; docker-compose up starts them"
# shellcheck disable=SC2086 # a list of words
count=$(printf '%s\n' $old | wc -l)

for each in $old; do
    before=$(compose ps -q "$service")
    deadline=$(($(date +%s) + seconds))
    compose up -d --no-deps --no-recreate --scale "$service=$((count + 1))" "$service" >/dev/null 2>&1 ||
        die "no new container of $service could be started"
    new=
    for container in $(compose ps -q "$service"); do
        case $before in *"$container"*) ;; *) new=$container ;; esac
    done
    [ -n "$new" ] || die "no new container of $service was started"
    if ! wait_until_well "$new"; then
        docker logs --tail 20 "$new" >&2 || :
        docker rm -f "$new" >/dev/null
        die "the new container of $service is not well after $seconds s and was removed; the old ones stay"
    fi
    let_them_find_it
    drain "$each"
    say "$service: $(printf %.12s "$new") in the place of $(printf %.12s "$each")"
done
say "$service: all $count replaced"
