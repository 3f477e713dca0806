# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Jobs, some of which need others, a few at a time: sourced by tests/check. At a time is one more than there are
# processors (QUEUE_WORKERS=N): a guest that waits for something leaves its processor to another.
#
#   queue_add NAME COST "ID ID..." FUNCTION ARG...   sets $job, the id of the new job
#   queue_run                                        runs them all
#
# COST is a guess in seconds. Of the jobs that can run, the one begins that has most to come: itself and the
# longest chain of those that wait for it. So no processor is idle at the end while another has a long one left.
#
# A job is its FUNCTION in a process, and process group, of its own. It has worked if it returned 0. One that
# disappears has not: the status is written by the job's last act, and not taken from what is gone.
# It has its id in $queue_job. What needs a job that failed is not run. The user of this file has
#
#   job_started ID, job_ended ID   called here, in order; job_ended may add jobs
#   $QUEUE_DIR                     a directory for this: what a job leaves is in $QUEUE_DIR/ID/, with the
#                                  processor time it took, as "times" of the shell gives it, in "times"

queue_name=() queue_cost=() queue_needs=() queue_command=()
# waiting, running, done, failed, blocked
queue_state=() queue_began=() queue_took=()
queue_ahead=()
declare -A queue_of_pid=()
queue_beat=

queue_add() {
	job=${#queue_name[@]}
	queue_name+=("$1") queue_cost+=("$2") queue_needs+=("$3")
	shift 3
	queue_command+=("$(printf '%q ' "$@")")
	queue_state+=(waiting) queue_began+=(0) queue_took+=(0)
	mkdir -p "$QUEUE_DIR/$job"
}

# queue_look_ahead : for each job its cost and that of the longest chain behind it. A job needs only older ones.
queue_look_ahead() {
	local i need ahead
	queue_ahead=("${queue_cost[@]}")
	for ((i = ${#queue_name[@]} - 1; i >= 0; i--)); do
		for need in ${queue_needs[i]}; do
			ahead=$((queue_cost[need] + queue_ahead[i]))
			[ "$ahead" -le "${queue_ahead[need]}" ] || queue_ahead[need]=$ahead
		done
	done
}

# queue_block : what needs a job that failed, or one that is blocked.
queue_block() {
	local i need
	for i in "${!queue_name[@]}"; do
		[ "${queue_state[i]}" = waiting ] || continue
		for need in ${queue_needs[i]}; do
			case ${queue_state[need]} in
			failed | blocked) queue_state[i]=blocked ;;
			esac
		done
	done
}

# queue_next : sets $job to the job to begin, or fails.
queue_next() {
	local i need
	job=
	for i in "${!queue_name[@]}"; do
		[ "${queue_state[i]}" = waiting ] || continue
		for need in ${queue_needs[i]}; do
			[ "${queue_state[need]}" = "done" ] || continue 2
		done
		[ -n "$job" ] && [ "${queue_ahead[i]}" -le "${queue_ahead[job]}" ] || job=$i
	done
	[ -n "$job" ]
}

queue_start() {	# ID
	queue_state[$1]=running queue_began[$1]=$SECONDS
	job_started "$1"
	# A group of its own, so that it can be ended with all that it began.
	set -m
	queue_process "$1" </dev/null &
	set +m
	queue_of_pid[$!]=$1
}

queue_process() {	# ID
	set +m
	queue_job=$1
	trap 'echo $? >"$QUEUE_DIR/$queue_job/status"; times >"$QUEUE_DIR/$queue_job/times"' EXIT
	eval "${queue_command[$1]}"
}

# queue_reap PID : a process of ours has ended.
queue_reap() {
	local id=${queue_of_pid[$1]} status
	unset "queue_of_pid[$1]"
	queue_took[id]=$((SECONDS - queue_began[id]))
	status=$(cat "$QUEUE_DIR/$id/status" 2>/dev/null) || {
		status=lost
		kill -- "-$1" 2>/dev/null || true
	}
	queue_state[id]=failed
	[ "$status" != 0 ] || queue_state[id]="done"
	echo "${status:-lost}" >"$QUEUE_DIR/$id/status"
	job_ended "$id"
	queue_block
}

# One line a minute, so that nobody takes a long job for a dead one.
queue_still() {
	local id pid
	for pid in "${!queue_of_pid[@]}"; do
		id=${queue_of_pid[$pid]}
		printf '%5d s    still at it: %s (%d s)\n' "$SECONDS" "${queue_name[id]}" $((SECONDS - queue_began[id]))
	done
}

# The shell does not tell "wait -n" of a process that it has seen end before: they are looked for, too.
queue_run() {
	local pid still=$SECONDS
	while :; do
		queue_look_ahead
		while [ ${#queue_of_pid[@]} -lt "${QUEUE_WORKERS:-$(($(nproc) + 1))}" ] && queue_next; do
			queue_start "$job"
		done
		[ ${#queue_of_pid[@]} -gt 0 ] || break
		if [ -z "$queue_beat" ] || ! kill -0 "$queue_beat" 2>/dev/null; then
			sleep 2 &
			queue_beat=$!
		fi
		wait -n 2>/dev/null || true
		for pid in "${!queue_of_pid[@]}"; do
			kill -0 "$pid" 2>/dev/null || queue_reap "$pid"
		done
		if [ $((SECONDS - still)) -ge 60 ]; then
			still=$SECONDS
			queue_still
		fi
	done
	queue_stop
}

# queue_stop : ends what still runs.
queue_stop() {
	local pid
	for pid in "${!queue_of_pid[@]}"; do kill -- "-$pid" 2>/dev/null || true; done
	[ -z "$queue_beat" ] || kill "$queue_beat" 2>/dev/null || true
	queue_beat=
}
