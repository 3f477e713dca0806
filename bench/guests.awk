# SPDX-License-Identifier: GPL-2.0-only
#
# The results of guests as a table in Markdown. Reads them: backend, measure, unit, attach, map,
# tear-down, VmPin, VmLck, page tables, objects. Variables: row, order (a file with all measures).

function millions(x) {
	x /= 1000000
	return sprintf(x >= 100 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f", x)
}

function cost(backend, measure) {
	if (!((backend, measure) in attach))
		return "-"
	return millions(attach[backend, measure]) " + " millions(map[backend, measure]) " / " \
		millions(gone[backend, measure])
}

function ratio(peer, measure) {
	if (!((peer, measure) in attach) || !(("ours", measure) in attach))
		return "-"
	return sprintf("%.2f / %.2f", (attach["ours", measure] + map["ours", measure]) / \
		(attach[peer, measure] + map[peer, measure]), \
		gone["ours", measure] / gone[peer, measure])
}

# One value of each backend, in units of @unit bytes.
function all(values, measure, unit,  text, i) {
	for (i = 1; i <= 3; i++)
		text = text (i > 1 ? ", " : "") ((backends[i], measure) in values ? \
			int(values[backends[i], measure] / unit + 0.5) : "-")
	return text
}

{
	known[$2]
	attach[$1, $2] = $4
	map[$1, $2] = $5
	gone[$1, $2] = $6
	pinned[$1, $2] = $7
	locked[$1, $2] = $8
	tables[$1, $2] = $9
	objects[$1, $2] = $10
}

END {
	split("type1 iommufd ours", backends, " ")
	print "### " row ": guests; millions of instructions, attach + map / tear-down\n"
	print "| guest, devices | type1 | iommufd | ours | ours : type1 | ours : iommufd " \
		"| VmPin, GiB | VmLck, GiB | page tables, KiB | objects, MiB |"
	print "|---|---|---|---|---|---|---|---|---|---|"
	while ((getline measure <order) > 0)
		if (measure in known)
			printf "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
				substr(measure, length("guest-") + 1), cost("type1", measure),
				cost("iommufd", measure), cost("ours", measure),
				ratio("type1", measure), ratio("iommufd", measure),
				all(pinned, measure, 2 ^ 30), all(locked, measure, 2 ^ 30),
				all(tables, measure, 2 ^ 10), all(objects, measure, 2 ^ 20)
	print ""
}
