#!/usr/bin/env bash
# Fetches the grid programs from Debian 12: servers and clients of the Grid Community Toolkit, NorduGrid ARC, gfal2 and JGlobus, and
# tshark. Installing takes root; where they are there it does nothing.
set -euo pipefail

missing=()
for package in globus-gridftp-server-progs globus-gass-copy-progs openssl gcc libc6-dev \
  nordugrid-arc-gridftpd nordugrid-arc-client nordugrid-arc-plugins-gridftp \
  gfal2-plugin-file gfal2-plugin-gridftp gfal2-util-scripts python3-gfal2-util \
  libjglobus-gridftp-java libjglobus-gss-java default-jdk-headless tshark; do
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${missing[@]}"
