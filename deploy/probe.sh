#!/bin/bash
# probe.sh PORT PATH - asks a process in the same container whether it is well; 0 when it says 200.
# For images that have no HTTP client but a bash. SPDX-License-Identifier: MIT
set -u
exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
printf 'GET %s HTTP/1.1\r\nHost: voxpop\r\nConnection: close\r\n\r\n' "$2" >&3
read -r -t 2 answer <&3 || exit 1
case $answer in "HTTP/1."[01]" 200"*) exit 0 ;; esac
exit 1
