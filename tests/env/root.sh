#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Prints the folder of the Debian 13 root, building it first when this package list has none yet. Safe against two runs at
# once (a lock) and against interruption (built aside, renamed when whole).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${PROVCARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/provcard}
need_kib=$((8 * 1024 * 1024))

die() {
	printf 'provcard environment: %s\n' "$1" >&2
	printf '  what to do: %s\n' "$2" >&2
	exit 1
}

need() {
	command -v "$1" >/dev/null 2>&1 && return 0
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		echo "provcard environment: installing $2 on this machine" >&2
		{ timeout 300 apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
			timeout 600 apt-get install -y -qq --no-install-recommends "$2"; } >&2 || true
		command -v "$1" >/dev/null 2>&1 && return 0
		die "$2 could not be installed" "check the network and the apt sources, then run 'apt-get install $2'"
	fi
	die "the program $1 is missing" "as root: apt-get install $2"
}

packages() { sed -e '/^#/d' -e '/^$/d' "$here/packages.txt"; }

# The mirror this machine itself uses for Debian's main archive.
mirror() {
	local site
	site=$(apt-get indextargets --format '$(ORIGIN)|$(COMPONENT)|$(SITE)' 2>/dev/null | awk -F'|' '$1 == "Debian" && $2 == "main" { print $3 }' |
		grep -v -e security | sort -u | head -n 1)
	[ -n "$site" ] || die "apt knows no Debian archive on this machine" \
		"add a Debian mirror to /etc/apt/sources.list and run 'apt-get update'"
	printf '%s\n' "$site"
}

check_rights() {
	[ "$(id -u)" = 0 ] && return 0
	need newuidmap uidmap
	unshare --map-auto --map-root-user true 2>/dev/null ||
		die "this user may not make a user namespace" \
			"run as root, or allow unprivileged user namespaces and give the user a range in /etc/subuid and /etc/subgid"
}

check_disk() {
	local free
	free=$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$need_kib" ] || die "$cache has $((free / 1024)) MiB free, the root needs $((need_kib / 1024))" \
		"free some space, or point PROVCARD_CACHE at a larger disk"
}

build() {
	local root=$1 site mode list backports partial
	partial=$root.partial
	check_rights
	check_disk
	need mmdebstrap mmdebstrap
	site=$(mirror)
	mode=root
	[ "$(id -u)" = 0 ] || mode=unshare
	list=$(packages | grep -v ':' | paste -sd,)
	backports=$(packages | sed -n 's/^backports:\(.*\)/\1/p' | paste -sd' ')
	echo "provcard environment: building the Debian 13 root (once, a few minutes) in $root" >&2
	remove_tree "$partial"
	timeout 3000 mmdebstrap --quiet --mode=$mode --variant=apt --format=directory \
		--include="$list" \
		--aptopt='Apt::Install-Recommends "false"' --aptopt='Acquire::Retries "3"' \
		--dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/doc/*/*' \
		--customize-hook="chroot \"\$1\" apt-get install -y -qq --no-install-recommends -t trixie-backports $backports" \
		--customize-hook="$here/headers.sh \"\$1\" $site bookworm $(packages | sed -n 's/^oldstable:\(.*\)/\1/p')" \
		--customize-hook='mkdir -p "$1/provcard" "$1/cache" "$1/vectors"' \
		--customize-hook='chroot "$1" apt-get clean' \
		trixie "$partial" \
		"deb $site trixie main" "deb $site trixie-updates main" "deb $site trixie-backports main" >"$root.log" 2>&1 ||
		{ tail -n 15 "$root.log" >&2
		  die "the root could not be built (whole log: $root.log)" "check the network and the mirror $site, then run the same command again"; }
	mv "$partial" "$root"
}

# Files of a root made in a user namespace belong to mapped ids, so the namespace must also remove them.
remove_tree() {
	[ -e "$1" ] || return 0
	if [ "$(id -u)" = 0 ]; then rm -rf "$1"; else unshare --map-auto --map-root-user rm -rf "$1"; fi
}

mkdir -p "$cache" || die "$cache cannot be made" "set PROVCARD_CACHE to a folder you can write"
key=$(cat <(packages) "$here/headers.sh" | sha256sum | cut -c1-16)
root=$cache/root-$key
if [ ! -d "$root" ]; then
	exec 9>"$root.lock"
	flock -w 3600 9 || die "another run has been building the root for an hour" "look at $root.log, end that run, try again"
	[ -d "$root" ] || build "$root"
	flock -u 9
fi
printf '%s\n' "$root"
