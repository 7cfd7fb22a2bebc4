#!/bin/sh
# make-secrets.sh FOLDER - what the processes need to know each other, made once; what is there is kept.
# FOLDER/PROCESS/ is for that process alone (gateway live articles comments polls operator backup redis
# sentinel edge), each file readable by its owner only:
#   curve.key        its secret key (`voxpop keygen`); peers: the public keys of all, the same for each
#   redis-url        VOXPOP_REDIS with a user and password of its own
#   operator/reader-url  the same for who reads a service's facts and events in its own Redis
#   redis/users.acl  from redis-acl.conf; redis/replica.conf, sentinel/sentinel.conf: with passwords
#   edge/site.pem    a certificate signed by itself, until a real one takes its place
# Environment: VOXPOP_REDIS (default redis+sentinel://sentinel-1,sentinel-2,sentinel-3/voxpop),
# VOXPOP_CERTIFICATE (a PEM file with chain and key, to be used instead), VOXPOP_CERTIFICATE_NAMES,
# VOXPOP_OWNERS (lines "PROCESS UID", when root makes them for others). SPDX-License-Identifier: MIT
set -eu
umask 077
here=$(cd "$(dirname "$0")" && pwd -P)
[ $# -eq 1 ] || { echo "usage: make-secrets.sh FOLDER" >&2; exit 2; }
out=$1
templates=${VOXPOP_TEMPLATES:-$here}
redis=${VOXPOP_REDIS:-redis+sentinel://sentinel-1,sentinel-2,sentinel-3/voxpop}
names=${VOXPOP_CERTIFICATE_NAMES:-DNS:localhost,IP:127.0.0.1}

processes='gateway live articles comments polls operator' # those with a key of their own

random_text() { head -c 24 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# Standard input becomes the file: at once, so that it is never there by half, for the owner of its
# folder, and only if it is something else, so that those who watch it are left in peace.
put() {
    cat >"$1.new"
    if cmp -s "$1.new" "$1"; then
        rm "$1.new"
        return
    fi
    [ "$(id -u)" != 0 ] || chown --reference="${1%/*}" "$1.new"
    mv "$1.new" "$1"
}

password() { # user: prints it; made when it is missing
    file=$out/passwords/$1
    [ -s "$file" ] || random_text | put "$file"
    cat "$file"
}

digest() { password "$1" | sha256sum | cut -d ' ' -f 1; }

make_key() { # process
    [ ! -s "$out/$1/curve.key" ] || [ ! -s "$out/$1/curve.pub" ] || return 0
    (cd "$out/$1" && rm -f curve.key curve.pub && voxpop keygen curve >/dev/null)
    [ "$(id -u)" != 0 ] || chown --reference="$out/$1" "$out/$1/curve.key" "$out/$1/curve.pub"
}

make_certificate() {
    if [ -s "${VOXPOP_CERTIFICATE:-}" ]; then
        put "$out/edge/site.pem" <"$VOXPOP_CERTIFICATE"
        return
    fi
    [ ! -s "$out/edge/site.pem" ] || return 0
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
        -subj /CN=voxpop -addext "subjectAltName=$names" \
        -keyout "$out/edge/key.new" -out "$out/edge/certificate.new" 2>/dev/null
    cat "$out/edge/certificate.new" "$out/edge/key.new" | put "$out/edge/site.pem"
    rm -f "$out/edge/key.new" "$out/edge/certificate.new"
}

for folder in passwords redis sentinel edge backup $processes; do mkdir -p "$out/$folder"; done
if [ -n "${VOXPOP_OWNERS:-}" ]; then
    printf '%s\n' "$VOXPOP_OWNERS" | while read -r process owner; do
        [ -z "$process" ] || chown -R "$owner" "$out/$process"
    done
fi

url() { # user
    printf '%s//%s:%s@%s\n' "${redis%%//*}" "$1" "$(password "$1")" "${redis#*//}"
}

for process in $processes; do make_key "$process"; done
for process in $processes backup; do
    url "$process" | put "$out/$process/redis-url"
done
url reader | put "$out/operator/reader-url"
for process in $processes; do
    printf '%s %s\n' "$(cut -c 1-40 "$out/$process/curve.pub")" "$process"
done | put "$out/peers"
for process in $processes; do put "$out/$process/peers" <"$out/peers"; done

users='/^#/d' # Redis takes no comments there
for user in $processes backup reader replica sentinel; do users="$users;s/@$user@/$(digest "$user")/"; done
sed "$users" "$templates/redis-acl.conf" | put "$out/redis/users.acl"
printf 'masteruser replica\nmasterauth %s\n' "$(password replica)" | put "$out/redis/replica.conf"
sed "s/@password@/$(password sentinel)/;s/@peer-password@/$(password peer)/" \
    "$templates/sentinel.conf" | put "$out/sentinel/sentinel.conf"
make_certificate

echo "make-secrets: everything is in place"
