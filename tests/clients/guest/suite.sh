# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What the suites with TAP of their own share, after lib.sh. The host puts the programs of a suite into
# /programs/suite: see the line "suite:" of tests/clients/run.

# What suite_end has to say of the program that ran last.
status=0
said=/tmp/suite.out

# results_of NAME FIRST : TAP on stdin, its tests as NAME/TEST and numbered from FIRST + 1; all else as
# comments.
results_of() {
	awk -v name="$1" -v number="$2" '
		/^(not )?ok [0-9]+/ {
			match($0, /^(not )?ok /)
			verdict = substr($0, 1, RLENGTH)
			text = substr($0, RLENGTH + 1)
			sub(/^[0-9]+ ?(- )?/, "", text)
			if (text ~ /^#/)
				text = "test " (++unnamed) " " text
			print verdict (++number) " - " name "/" text
			fflush()
			next
		}
		{ print "#   " $0; fflush() }'
}

# planned, seen : of what the program said.
planned() { awk -F '[. ]+' '/^1\.\.[0-9]/ { n += $2 } END { print n + 0 }' "$said"; }
seen() { grep -cE '^(not )?ok [0-9]' "$said"; }

# ended : it gave as many results as it had planned, at least one, and its status is that of its results.
ended() {
	local worst=0
	same "$(seen)" "$(planned)" || return
	[ "$(seen)" -gt 0 ] || { echo "it had no test"; return 1; }
	! grep -qE '^not ok [0-9]' "$said" || worst=1
	[ "$status" -le "$worst" ] || { echo "it ended with status $status"; return 1; }
}
ended_clean() { ended && nothing_pinned; }

# suite NAME PROGRAM ARG... : each of its tests is one of ours. So is that it came to its end and left nothing
# pinned.
suite() {
	local name=$1
	shift
	echo "# $name: $*"
	timeout -k 5 "${PATIENCE:-1500}" "$@" </dev/null 2>&1 3>&- | tee "$said" | results_of "$name" "$number"
	status=${PIPESTATUS[0]}
	number=$((number + $(seen)))
	check "$name/end" ended_clean
}

# refuses TEXT TAP STATUS : a program that does this has not come to its end.
refuses() {
	printf '%b' "$2" >"$said"
	status=$3
	check "not an end/$1" fails ended
}
fails() { ! "$@"; }
refuse_all() {
	refuses "it says nothing" "" 0
	refuses "it has no test" "1..0\n" 0
	refuses "it stops half way" "1..2\nok 1 - a\n" 0
	refuses "it is killed" "1..1\nok 1 - a\n" 137
	refuses "its status has no reason" "1..1\nok 1 - a\n" 1
}

# all_said : how many tests that were.
all_said() { echo "1..$number"; }
