#!/bin/sh
# Runs a command as on a machine without web servers: in its path there are Node, tar, gzip and coreutils.
# Tests that need another program are skipped, as CI is unset, and say so.
set -eu

path=$(mktemp -d)
trap 'rm -r "$path"' EXIT
# shellcheck disable=SC2046 # a list
ln -s $(dpkg -L coreutils | grep /bin/) "$path"
for program in node npm npx sh tar gzip; do
    ln -s "$(command -v "$program")" "$path"
done
env -u CI PATH="$path" "$@"
