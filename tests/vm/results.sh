# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What tests said: lines "pass TEXT", "fail TEXT", "skip TEXT" or "flaky TEXT" in a file, $results. V=1 shows
# those that passed, too.

results=

record() {	# "pass|fail|skip|flaky TEXT"
	printf '%s\n' "$*" >>"$results"
	case $1 in
	pass*) [ -z "${V:-}" ] || printf '%5d s  %s\n' "$SECONDS" "$*" ;;
	*) printf '%5d s  %s\n' "$SECONDS" "$*" ;;
	esac
}

# tap_of PROGRAM LOG : its part of what run-suites has printed.
tap_of() { awk -v suite="$1" '/^# suite / { mine = $3 == suite } mine' "$2"; }

# record_tap SUITE LOG PLAN SKIPS : what a program's TAP is worth, see tests/vm/judge.
record_tap() {
	local line
	while IFS= read -r line; do record "$line"; done < <("$VM/judge" "$1" "$3" "$4" <"$2" || true)
}

# count KIND [FILE]
count() { grep -c "^$1 " "${2:-$results}" || true; }

# sum : the last line of everything here. Fails if a test has failed, and if none has passed.
sum() {
	echo "$(count pass) passed, $(count fail) failed, $(count skip) skipped"
	[ "$(count fail)" = 0 ] && [ "$(count pass)" != 0 ]
}
