# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Entries of tests/matrix.txt: which of them $TESTS wants. An entry is build, canary, demo, kselftest, or
# [TOPOLOGY:]PROGRAM[/PATTERN].

# Tests of no row: tests/NAME/run.
rowless=(abi dkms ioasidctl maintscripts)

# wanted ENTRY : without the pattern it may have.
wanted() {
	local t
	[ -n "${TESTS:-}" ] || return 0
	for t in $TESTS; do
		# shellcheck disable=SC2053 # it is a pattern
		[[ $1 != ${t%%/*} ]] || return 0
	done
	return 1
}

# pattern_of ENTRY : which of its tests; nothing is all of them.
pattern_of() {
	local t patterns=()
	for t in ${TESTS:-}; do
		# shellcheck disable=SC2053 # it is a pattern
		[[ ${1%%/*} == ${t%%/*} ]] || continue
		case $t in
		*/*) patterns+=("${t#*/}") ;;
		*) return 0 ;;
		esac
	done
	case $1 in */*) [ -n "${TESTS:-}" ] || patterns+=("${1#*/}") ;; esac
	case ${#patterns[@]} in
	0) ;;
	1) printf '%s\n' "${patterns[0]}" ;;
	*) (IFS='|'; printf '@(%s)\n' "${patterns[*]}") ;;
	esac
}

# names_nothing COLUMN : records as failures what in the matrix, in $TESTS and in $ROW is the name of nothing. It
# must not look like a success.
names_nothing() {
	local t row entry entries=() names
	names=" abi bench build canary kselftest demo $(guest_programs | tr '\n' ' ')"
	for row in $(row_names); do
		for entry in $(row_entries "$row" suites) $(row_entries "$row" check); do
			[[ $names == *" $(program_of "$entry") "* ]] ||
				record "fail check: tests/matrix.txt: row $row: $entry names nothing"
			entries+=("${entry%%/*}")
		done
	done
	for t in ${TESTS:-}; do
		for entry in "${rowless[@]}" "${entries[@]}"; do
			# shellcheck disable=SC2053 # it is a pattern
			[[ $entry != ${t%%/*} ]] || continue 2
		done
		record "fail check: TESTS=$t names nothing"
	done
	for row in ${ROW:-}; do
		if ! row_field "$row" kernel >/dev/null; then
			record "fail check: ROW=$row is not in tests/matrix.txt"
		elif [ -z "$(row_entries "$row" "$1")" ]; then
			record "fail check: ROW=$row has nothing to run here: its column \"$1\" is empty"
		fi
	done
}
