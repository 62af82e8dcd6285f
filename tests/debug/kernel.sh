#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Prints the folder of the debug kernel (its build tree, with arch/x86/boot/bzImage), building it first when this source and this
# configuration have none yet. Safe against two runs at once (a lock) and against interruption (built aside, renamed when whole; the next
# run goes on where the last one ended).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${PROVCARD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/provcard}
jobs=${PROVCARD_KERNEL_JOBS:-$(nproc)}
need_kib=$((6 * 1024 * 1024))

die() {
	printf 'provcard debug kernel: %s\n' "$1" >&2
	printf '  what to do: %s\n' "$2" >&2
	exit 1
}

fragment() { sed -e 's/[ \t]*#.*//' -e '/^$/d' "$here/kernel.config"; }

check_disk() {
	local free
	free=$(df -Pk "$cache" | awk 'NR == 2 { print $4 }')
	[ "$free" -ge "$need_kib" ] || die "$cache has $((free / 1024)) MiB free, the build needs $((need_kib / 1024))" \
		"free some space, or point PROVCARD_CACHE at a larger disk"
}

# The release's name has the key in it, so that modules are built anew for each. olddefconfig drops what it does not know or whose needs are not met, without a word.
configure() {
	local lost
	make -s -C "$1" tinyconfig
	{ fragment; echo "CONFIG_LOCALVERSION=\"-debug-${key:0:8}\""; } >>"$1/.config"
	make -s -C "$1" olddefconfig 2>/dev/null
	lost=$(fragment | while IFS='=' read -r name value; do
		if [ "$value" = n ]; then
			! grep -q "^$name=" "$1/.config" || echo "$name=n"
		else
			grep -qx "$name=$value" "$1/.config" || echo "$name=$value"
		fi
	done)
	[ -z "$lost" ] || die "the configuration did not keep: $(echo $lost)" "see what these options depend on, and mend tests/debug/kernel.config"
}

unpack() {
	rm -rf "$1"
	mkdir -p "$1"
	tar -xf "$tarball" -C "$1" --strip-components=1
	touch "$1/.unpacked"
}

# Modules are built against the tree, and selftests from it; the objects of the kernel itself are of no more use.
build() {
	local partial=$1.partial
	check_disk
	echo "provcard debug kernel: building (once, about a quarter of an hour on two processors) in $1" >&2
	[ -e "$partial/.unpacked" ] || unpack "$partial"
	configure "$partial" >>"$1.log" 2>&1 || { tail -n 5 "$1.log" >&2; exit 1; }
	timeout 7200 make -C "$partial" -j"$jobs" bzImage modules modules_prepare >>"$1.log" 2>&1 ||
		{ tail -n 15 "$1.log" >&2
		  die "the kernel could not be built (whole log: $1.log)" "mend what the log says, then run the same command again"; }
	find "$partial" -name scripts -prune -o -name tools -prune -o \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' \) -type f -exec rm -f {} +
	rm -f "$partial/arch/x86/boot/compressed/vmlinux"* "$partial/.tmp_vmlinux"* "$partial/vmlinux"
	mv "$partial" "$1"
}

tarball=$(ls /usr/src/linux-source-*.tar.xz 2>/dev/null | head -n 1)
[ -n "$tarball" ] || die "no kernel source in /usr/src" "run this in the reference environment: tests/env/enter.sh $0"
mkdir -p "$cache"
key=$({ stat -c '%n %s' "$tarball"; head -c 1048576 "$tarball"; fragment; gcc --version; } | sha256sum | cut -c1-16)
folder=$cache/debug-kernel-$key
if [ ! -d "$folder" ]; then
	exec 9>"$folder.lock"
	flock -w 7200 9 || die "another run has been building the kernel for two hours" "look at $folder.log, end that run, try again"
	[ -d "$folder" ] || build "$folder"
	flock -u 9
fi
printf '%s\n' "$folder"
