#!/usr/bin/env bash
# Fetches the grid programs from Debian 12: the GridFTP server and client of the Grid Community Toolkit.
# Installing takes root; where they are there it does nothing.
set -euo pipefail

missing=()
for package in globus-gridftp-server-progs globus-gass-copy-progs openssl; do
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
