#!/usr/bin/env bash
# Installs what the runs on several machines need from Debian, where it is missing; that takes root. No service stays started.
set -euo pipefail

missing=()
for package in munge openssh-client openssh-server parallel slurm-wlm; do
  [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null)" = 'ii ' ] || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  [ "$(id -u)" -ne 0 ] || apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi
