#!/usr/bin/env bash
# Fetches what the live runs need from Debian 12: MIT krb5 and Heimdal, which conflict as installed packages, so each is
# unpacked into a folder of its own and nothing of them is installed. Only a compiler and plain libraries are installed,
# where they are missing, which takes root. Prints the folder; the second time it does nothing else.
set -euo pipefail

cache="${RFC2228_INTEROP:-${XDG_CACHE_HOME:-$HOME/.cache}/rfc2228-interop}"
base=(gcc libc6-dev ca-certificates libcap-ng0 libcom-err2 libdb5.3 libedit2 libkeyutils1 libldap-2.5-0 libsqlite3-0 libss2)
mit=(
  krb5-admin-server krb5-kdc krb5-multidev krb5-user libev4 libgssapi-krb5-2 libgssrpc4 libk5crypto3 libkadm5clnt-mit12
  libkadm5srv-mit12 libkdb5-10 libkrb5-3 libkrb5-dev libkrb5support0 libverto-libev1 libverto1
)
heimdal=(
  heimdal-clients heimdal-dev heimdal-kdc heimdal-multidev libasn1-8-heimdal libgssapi3-heimdal libhcrypto5-heimdal
  libhdb9-heimdal libheimbase1-heimdal libheimntlm0-heimdal libhx509-5-heimdal libkadm5clnt7-heimdal
  libkadm5srv8-heimdal libkafs0-heimdal libkdc2-heimdal libkrb5-26-heimdal libotp0-heimdal libroken19-heimdal
  libsl0-heimdal libwind0-heimdal
)

is_installed() { [ "$(dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null)" = 'ii ' ]; }

# unpack NAME PACKAGE...: into $cache/NAME, whole or not at all
unpack() {
  local name=$1 folder
  shift
  [ -d "$cache/$name" ] && return
  folder=$(mktemp -d "$cache/$name.XXXXXX")
  chmod 755 "$folder"
  (cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root "$@")
  for package in "$folder"/*.deb; do dpkg -x "$package" "$folder"; done
  rm "$folder"/*.deb
  ln -s "usr/lib/$(gcc -print-multiarch)" "$folder/libraries"
  mv "$folder" "$cache/$name"
}

if ! [ -d "$cache/mit" ] || ! [ -d "$cache/heimdal" ]; then
  mkdir -p "$cache"
  missing=()
  for package in "${base[@]}"; do is_installed "$package" || missing+=("$package"); done
  {
    [ "$(id -u)" -ne 0 ] || apt-get update -qq
    if [ ${#missing[@]} -gt 0 ]; then
      DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
    fi
    unpack mit "${mit[@]}"
    unpack heimdal "${heimdal[@]}"
  } >&2
fi
echo "$cache"
