# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Jobs, some of which need others: sourced by tests/check and tests/mutants/run. At a time is one more than there are
# processors (CHECK_WORKERS=N): a guest that waits for something leaves its processor to another.
#
#   run_jobs LOGS CMD...   runs "CMD... ID" for each line "ID NEED..." of LOGS/plan, always the first of those whose
#                          needs have worked. A job leaves in LOGS/jobs/ID/ "began", with the time and its name,
#                          and as its last act "status". One without that has disappeared
#   stop_jobs              ends what still runs: to be called wherever the script ends
#
# make -j would do if it were not for the order: it goes through its list once, and comes back to what had to wait
# for a build, the longest jobs among it, when all others have begun.

# By process. Each has a group of its own, so that it can be ended with all that it began.
declare -A job_of=()

run_jobs() {
	local logs=$1 id need pid waiting=() still=$SECONDS
	local -A needs_of=()
	shift
	while read -r id need; do
		mkdir -p "$logs/jobs/$id"
		waiting+=("$id") needs_of[$id]=$need
	done <"$logs/plan"
	# What the shell says of a job that was killed goes to a log, what the jobs say does not.
	while :; do
		while [ ${#job_of[@]} -lt "${CHECK_WORKERS:-$(($(nproc) + 1))}" ] && next_job "$logs"; do
			# What outlives the script has no hold on its lock, which is fd 8.
			set -m
			"$@" "$id" </dev/null 2>&3 3>&- 8>&- &
			set +m
			job_of[$!]=$id
		done
		[ ${#job_of[@]} -gt 0 ] || break
		# The shell does not tell "wait -n" of a process that it has seen end before: they are looked for, too.
		sleep 1 >/dev/null 3>&- 8>&- &
		wait -n || true
		for pid in "${!job_of[@]}"; do kill -0 "$pid" 2>/dev/null || end_job "$logs" "$pid"; done
		[ $((SECONDS - still)) -lt 60 ] || {
			still=$SECONDS
			still_at_it "$logs"
		}
	done 3>&2 2>>"$logs/queue.log"
}

# next_job LOGS : takes the first of waiting that can begin, as id.
next_job() {
	local i need
	for i in "${!waiting[@]}"; do
		id=${waiting[i]}
		for need in ${needs_of[$id]}; do has_worked "$1/jobs/$need" || continue 2; done
		unset "waiting[i]"
		return
	done
	return 1
}

has_worked() {
	local status=
	read -r status 2>/dev/null <"$1/status" && [ "$status" = 0 ]
}

# end_job LOGS PID : of one that has disappeared nothing must go on.
end_job() {
	[ -e "$1/jobs/${job_of[$2]}/status" ] || kill -- "-$2" 2>/dev/null || true
	unset "job_of[$2]"
}

stop_jobs() {
	local pid
	for pid in "${!job_of[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
	job_of=()
}

# One line a minute, so that nobody takes a long job for a dead one.
still_at_it() {
	local id time name
	for id in "${job_of[@]}"; do
		read -r time name 2>/dev/null <"$1/jobs/$id/began" || continue
		printf '%5d s    still at it: %s (%d s)\n' "$SECONDS" "$name" $((EPOCHSECONDS - time))
	done
}
