# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What each entry of the matrix said, kept for the tree it was said of: CHECK_DIR/trees/TREE/ROW/ENTRY. The user of
# this has $CHECK_DIR, and $CHECK_TREE, the tree_id as it was at the start.

store=$CHECK_DIR/trees/$CHECK_TREE

# kept ROW ENTRY : the file for what it said.
kept() { printf '%s/%s/%s\n' "$store" "$1" "${2//\//%}"; }

# has_passed ROW ENTRY : in this tree, and with every test.
has_passed() {
	local file
	file=$(kept "$1" "$2")
	[ -s "$file" ] && ! grep -Eq '^(fail|flaky) ' "$file"
}

# about ROW ENTRY... : what lines of results have that are about these entries, for grep -Ff.
about() {
	local row=$1
	shift
	[ $# = 0 ] || printf " $row: %s: \n" "${@%%/*}"
}

# keep ROW RESULTS ENTRY... : of the entries of a job, what each said. What no test said, but the machine, is true
# of each.
keep() {
	local row=$1 said=$2 entry other others file
	shift 2
	if [ "$(tree_id)" != "$CHECK_TREE" ]; then
		mkdir "$CHECK_LOGS/changed" 2>/dev/null || return 0
		echo "         the tree has changed since the start: what is said from now on is not kept"
		return
	fi
	mkdir -p "$store/$row"
	git -C "$TOP" describe --always --dirty >"$store/commit" 2>/dev/null || true
	for entry; do
		others=()
		for other; do [ "$other" = "$entry" ] || others+=("$other"); done
		file=$(kept "$row" "$entry")
		grep -vFf <(about "$row" "${others[@]}") "$said" >"$file.new" || true
		mv "$file.new" "$file"
	done
}
