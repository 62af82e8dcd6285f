#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# enter.sh COMMAND [ARG...]: run a command in the Debian 13 root with this checkout at /provcard. Everything it starts ends with it.
# PROVCARD_ENV=host runs it on this machine as it is (for a machine that already is the reference environment).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARG...]" >&2; exit 2; }

if [ "${PROVCARD_ENV:-}" = host ]; then
	cd "$top"
	exec "$@"
fi

PROVCARD_ROOT=$("$here/root.sh")
PROVCARD_TOP=$top
PROVCARD_CACHE=$(dirname "$PROVCARD_ROOT")
PROVCARD_VECTORS=${PROVCARD_VECTORS:-$top/../shared/vectors}
export PROVCARD_ROOT PROVCARD_TOP PROVCARD_CACHE PROVCARD_VECTORS

namespaces=(--mount --pid --fork --kill-child)
[ "$(id -u)" = 0 ] || namespaces+=(--map-auto --map-root-user)
exec unshare "${namespaces[@]}" "$here/inside.sh" "$@"
