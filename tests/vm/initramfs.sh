#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# initramfs.sh OUTPUT RELEASE FILE...: a small guest for kernel RELEASE: busybox, the modules the guest's init loads, and the
# programs and modules given (programs with their libraries, in /bin; NAME.ko in /; module:NAME, one of the kernel's own, for modprobe).
# A kernel that has all of it built in brings no modules.
set -eu

output=$1 release=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
chmod 755 "$tree" # the guest's root folder, for users without privileges too
mkdir -p "$tree/bin" "$tree/dev" "$tree/proc" "$tree/sys" "$tree/tmp" "$tree/etc" "$tree/lib/modules/$release"

cp /bin/busybox "$tree/bin/busybox"
ln -s busybox "$tree/bin/sh"
cp "$here/init" "$tree/init"
printf 'root:x:0:0::/:/bin/sh\n' >"$tree/etc/passwd"

modules="virtio_pci 9p 9pnet_virtio"
if [ -d "/lib/modules/$release" ]; then
	! modprobe -q -n --set-version "$release" aer_inject || modules="$modules aer_inject" # not every kernel has it
	for file in "$@"; do
		case $file in module:*) modules="$modules ${file#module:}" ;; esac
	done
	for module in $modules; do
		modprobe --set-version "$release" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p'
	done | sort -u | while read -r file; do
		install -D -m 644 "$file" "$tree/lib/modules/$release/$(basename "$file")"
	done
	cp "/lib/modules/$release/modules.builtin" "/lib/modules/$release/modules.order" \
		"/lib/modules/$release/modules.builtin.modinfo" "$tree/lib/modules/$release/"
	depmod -b "$tree" "$release"
fi

for file in "$@"; do
	case $file in
	module:*) ;;
	*.ko) cp "$file" "$tree/" ;;
	*)
		cp "$file" "$tree/bin/"
		ldd "$file" 2>/dev/null | grep -o '/[^ ]*' | while read -r library; do
			install -D -m 755 "$library" "$tree$library"
		done
		;;
	esac
done
(cd "$tree" && find . | cpio --quiet -o -H newc) | zstd -q -1 >"$output.partial"
mv "$output.partial" "$output"
