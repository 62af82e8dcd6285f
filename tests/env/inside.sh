#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# The second half of enter.sh, already in namespaces of its own: mount what the command needs, change root, run it.
set -euo pipefail

root=$PROVCARD_ROOT
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --rbind /sys "$root/sys"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount --rbind "$PROVCARD_TOP" "$root/provcard"
mount --rbind "$PROVCARD_CACHE" "$root/cache"
vectors=
if [ -d "$PROVCARD_VECTORS" ]; then
	mount --rbind "$PROVCARD_VECTORS" "$root/vectors"
	vectors=/vectors
fi

settings=(HOME=/tmp TERM="${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	LC_ALL=C.UTF-8 PROVCARD_ENV=host PROVCARD_CACHE=/cache PROVCARD_VECTORS="$vectors" PYTHONDONTWRITEBYTECODE=1)
for name in CI MAKEFLAGS V O TIME STATES SEED HOURS UNITS BENCH PROVCARD_ACCEL PROVCARD_JOBS PROVCARD_KERNEL; do
	[ -z "${!name+set}" ] || settings+=("$name=${!name}")
done
exec chroot "$root" /usr/bin/env -i "${settings[@]}" \
	/bin/sh -c 'cd /provcard && git config --global --add safe.directory /provcard && exec "$@"' sh "$@"
