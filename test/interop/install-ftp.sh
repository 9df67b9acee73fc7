#!/usr/bin/env bash
# Fetches what the live FTP runs need from Debian 12 besides install.sh: the client yafc, MIT's GSS-API for Python, and Valgrind.
# Installing takes root; where they are there it does nothing.
set -euo pipefail

missing=()
for package in yafc python3-gssapi valgrind; do
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
