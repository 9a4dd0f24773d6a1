#!/usr/bin/env bash
# Unpacks Debian packages into a folder without installing them: mail servers that the
# tests talk to, which would otherwise replace the machine's own and each other.
# usage: fetch-deb.sh FOLDER PACKAGE...
# The programs are then in FOLDER/PACKAGE/usr/...; their libraries must be installed.
set -eu

[ $# -ge 2 ] || { echo "usage: $0 FOLDER PACKAGE..." >&2; exit 2; }
folder=$1
shift
mkdir -p "$folder"
cd "$folder"

download() {
    apt-get -o APT::Sandbox::User=root -q download "$1" >/dev/null 2>&1
}

for package in "$@"; do
    [ -d "$package" ] && continue
    rm -rf fetch && mkdir fetch
    # Package lists may be missing (images) or name a version that is gone.
    (cd fetch && { download "$package" || { apt-get -q update >/dev/null && download "$package"; }; }) || {
        echo "$0: Debian package $package could not be downloaded; run apt-get update as root?" >&2
        exit 1
    }
    dpkg -x fetch/"$package"_*.deb "$package.part"
    mv "$package.part" "$package"
    rm -rf fetch
done
