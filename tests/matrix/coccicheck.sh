#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# coccicheck.sh KERNEL FOLDER [PATTERN]: the kernel's semantic patches in report mode over a folder, with the kernel's own script. Findings
# are printed and make it fail. PATTERN chooses patches by their path.
set -eu

kernel=$(readlink -f "$1") folder=$(readlink -f "$2") pattern=${3:-.}
# Written in OCaml, whose compiler is as large as the rest of the environment's: one is about another driver's data; what the other finds, a
# pointer compared with 0, sparse finds too.
ocaml='api/check_bq27xxx_data|null/badzero'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# What the script says beside findings is not of interest until it fails.
cat >"$work/one" <<'END'
#!/bin/sh
COCCI=$1 "$srctree/scripts/coccicheck" >"$2/$$" 2>&1 || { echo "$1:"; cat "$2/$$"; exit 1; }
! grep -E '^[^ ]+:[0-9]+:[0-9]+-[0-9]+: ' "$2/$$"
END
chmod +x "$work/one"
export SPATCH=spatch MODE=report J=1 V=0 KBUILD_EXTMOD="$folder" srctree="$kernel"
export LINUXINCLUDE="-I$folder/include -I$folder/include/uapi"
find "$kernel/scripts/coccinelle" -name '*.cocci' | grep -Ev "($ocaml).cocci" | grep "$pattern" | sort >"$work/patches"
[ -s "$work/patches" ]
cd "$work"
xargs -P "$(nproc)" -I{} "$work/one" {} "$work" <"$work/patches"
