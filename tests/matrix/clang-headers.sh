#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# clang-headers.sh HEADERS OUTPUT: a distribution's kernel headers as if that kernel had been configured for the clang of this machine.
#
# The packages come without Kconfig, so what "make LLVM=1 olddefconfig" would have answered otherwise is changed here: the compiler's own
# symbols, and those that its Kconfig gives to gcc alone. A symbol that is missing below makes clang refuse a flag, so it is noticed.
set -eu

headers=$(readlink -f "$1") output=$2
version=$(echo __clang_major__ __clang_minor__ __clang_patchlevel__ | clang -E -P - | awk '{ print $1 * 10000 + $2 * 100 + $3 }')
gcc_only='CC_HAS_MIN_FUNCTION_ALIGNMENT|CC_HAS_NAMED_AS|CC_HAS_NAMED_AS_FIXED_SANITIZERS|USE_X86_SEG_SUPPORT|CC_HAS_UBSAN_BOUNDS_STRICT'
gcc_only="$gcc_only|GCC_ASM_GOTO_OUTPUT_WORKAROUND|GCC_NO_STRINGOP_OVERFLOW"

rm -rf "$output" "$output.partial"
mkdir -p "$output.partial"
cp -rs "$headers/." "$output.partial"
cd "$output.partial"
sed -i "s,^KBUILD_OUTPUT=.*,KBUILD_OUTPUT=$output," Makefile
sed -i -E \
	-e 's/^(#define )?CONFIG_CC_IS_GCC\b/\1CONFIG_CC_IS_CLANG/' \
	-e 's/^(#define )?CONFIG_AS_IS_GNU\b/\1CONFIG_AS_IS_LLVM/' \
	-e 's/^(#define )?CONFIG_UBSAN_BOUNDS_STRICT\b/\1CONFIG_UBSAN_ARRAY_BOUNDS/' \
	-e 's/^(#define )?CONFIG_FTRACE_MCOUNT_USE_CC\b/\1CONFIG_FTRACE_MCOUNT_USE_OBJTOOL/' \
	-e 's/^(#define )?CONFIG_GCC_VERSION([ =]).*/\1CONFIG_GCC_VERSION\20/' \
	-e "s/^(#define )?CONFIG_CLANG_VERSION([ =]).*/\\1CONFIG_CLANG_VERSION\\2$version/" \
	-e 's/(-Wimplicit-fallthrough)=5/\1/' \
	-e "/CONFIG_($gcc_only)[ =]/d" \
	include/config/auto.conf include/generated/autoconf.h
grep -q '^CONFIG_CC_IS_CLANG=y' include/config/auto.conf
mv "$output.partial" "$output"
