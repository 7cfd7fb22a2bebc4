#!/bin/sh
# redis-node.sh redis|sentinel - starts one of several Redis nodes, or the Sentinel beside it, with a
# writable copy of the configuration in /data; redis-node.sh ping asks the node. Environment:
# VOXPOP_NODE, the name by which the others reach it; VOXPOP_FIRST, the master of the very first start;
# where several share a machine, VOXPOP_BIND, the address to listen at, VOXPOP_REDIS_PORT, VOXPOP_SENTINEL_PORT.
# SPDX-License-Identifier: MIT
set -eu
umask 077
data=${VOXPOP_DATA:-/data}
conf=${VOXPOP_CONF:-/etc/voxpop}
secrets=${VOXPOP_SECRETS:-/run/secrets/voxpop}
name=${VOXPOP_NODE:?the name of this node}
first=${VOXPOP_FIRST:-redis-1}
address=${VOXPOP_BIND:-}
port=${VOXPOP_REDIS_PORT:-6379}
sentinel_port=${VOXPOP_SENTINEL_PORT:-26379}

# Who is whose replica is Sentinel's to say, and Redis keeps it in this file; all else is taken anew
# from the templates at each start.
redis() {
    file=$data/redis.conf
    if [ -s "$file" ]; then
        master=$(sed -n 's/^replicaof //p' "$file" | tail -n 1)
    elif [ "$name" = "$first" ]; then
        master=
    else
        master="$first $port"
    fi
    {
        echo "include $conf/redis.conf"
        echo "include $secrets/replica.conf"
        echo "aclfile $secrets/users.acl"
        echo "dir $data"
        echo "replica-announce-ip $name"
        echo "replica-announce-port $port"
        echo "port $port"
        [ -z "$address" ] || echo "bind $address"
        [ -z "$master" ] || echo "replicaof $master"
    } >"$file.new"
    mv "$file.new" "$file"
    exec redis-server "$file"
}

sentinel() {
    file=$data/sentinel.conf
    if [ ! -s "$file" ]; then
        {
            sed "s/@name@/$name/;s/@first@ 6379/$first $port/;s/port 26379\$/port $sentinel_port/" "$secrets/sentinel.conf"
            echo "dir $data"
            [ -z "$address" ] || echo "bind $address"
        } >"$file.new"
        mv "$file.new" "$file"
    fi
    exec redis-server "$file" --sentinel
}

# For health checks: is it there, and not still loading?
ping() {
    [ "$(redis-cli ${address:+-h "$address"} -p "$port" --user probe --pass any --no-auth-warning ping)" = PONG ]
}

case ${1:-} in
ping) ping ;;
redis) redis ;;
sentinel) sentinel ;;
*)
    echo "usage: redis-node.sh redis|sentinel|ping" >&2
    exit 2
    ;;
esac
