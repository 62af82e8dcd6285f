#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# headers.sh ROOT SITE RELEASE PACKAGE: unpack an older release's kernel headers into the root's /usr/src. They are not installed, so
# no kernel of that release comes with them and /lib/modules does not know them.
set -euo pipefail

root=$1 site=$2 release=$3 package=$4
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
work=/tmp/headers

rm -rf "$root$work"
mkdir -p "$root$work/lists/partial" "$root$work/unpacked"
: >"$root$work/status"
echo "deb [signed-by=$keyring] $site $release main" >"$root$work/sources.list"
apt() {
	chroot "$root" /bin/sh -c "cd $work && exec \"\$@\"" sh "$@" \
		-o Dir::Etc::SourceList=$work/sources.list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=$work/lists -o Dir::State::Status=$work/status
}

apt apt-get update -qq
headers=$(apt apt-cache depends "$package" | sed -n 's/^ *Depends: \(linux-headers-.*\)/\1/p')
needs=$(apt apt-cache depends "$headers" | sed -n 's/^ *Depends: \(linux-headers-.*-common\|linux-kbuild-.*\)/\1/p')
# shellcheck disable=SC2086 # several names
apt apt-get download -qq "$headers" $needs
for archive in "$root$work"/*.deb; do
	dpkg-deb -x "$archive" "$root$work/unpacked"
done
cp -a "$root$work/unpacked/usr/src/." "$root/usr/src/"
cp -a "$root$work/unpacked/usr/lib"/linux-kbuild-* "$root/usr/lib/"
rm -rf "$root$work"
