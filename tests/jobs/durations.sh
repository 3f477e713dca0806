# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# How long things take, by row and step: what was learned in earlier runs, in $EXT_CACHE/durations, or a guess. Only
# the order of jobs, and how many programs share a boot, depend on it.

durations=$EXT_CACHE/durations

declare -A took=()
load_durations() {
	local seconds what
	[ -e "$durations" ] || return 0
	while read -r seconds what; do took[$what]=$seconds; done <"$durations"
}

# guess ROW STEP : the seconds it took, or what it takes on two processors, roughly.
guess() {
	local row=$1 step=${2%%/*} slow=1 t
	if [ -n "${took[$1 $2]:-}" ]; then
		printf '%s\n' "${took[$1 $2]}"
		return
	fi
	case $row in debug*) slow=4 ;; esac
	case $step in
	kernel)
		case $(row_field "$row" kernel) in build:*) t=400 ;; *) t=60 ;; esac
		slow=1
		;;
	'test build') t=40 slow=1 ;;
	build | fetch | userland) t=60 slow=1 ;;
	boot) t=15 ;;
	canary | demo) t=100 ;;
	kselftest) t=200 ;;
	*amd_test | *sriov_test) t=60 ;;
	*kvm_test | *param_test) t=35 ;;
	*sysfs_test | *cdev_test | *kvm_noncoherent_test | *query_test | *race_test | *cut_test | *device_test) t=20 ;;
	*) t=10 ;;
	esac
	# Half of the tests, says the pattern.
	case $2 in */*) t=$((t / 2)) ;; esac
	printf '%s\n' $((t * slow))
}

# learn SECONDS ROW STEP : not if only some of the tests were wanted.
learn() { [ -n "${TESTS:-}" ] || printf '%s\n' "$*" >>"$CHECK_LOGS/durations"; }

keep_durations() {
	[ -s "$CHECK_LOGS/durations" ] || return 0
	touch "$durations"
	awk '{ s = $1; $1 = ""; seconds[$0] = s } END { for (what in seconds) print seconds[what] what }' \
		"$durations" "$CHECK_LOGS/durations" | sort -k 2 >"$durations.$$"
	mv "$durations.$$" "$durations"
}
