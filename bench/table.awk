# SPDX-License-Identifier: GPL-2.0-only
#
# The results of one mode as a table in Markdown. Reads targets.tsv, then the results:
# backend, measure, unit, map, unmap. Variables: row, mode, order (a file with all measures).

function number(x) {
	return sprintf(x >= 100 || x == 0 ? "%.0f" : x >= 10 ? "%.1f" : "%.2f", x)
}

function cell(backend, measure) {
	if (!((backend, measure) in map))
		return "-"
	if (unit[measure] == "bytes")
		return sprintf("%.1f (%.1f)", map[backend, measure], unmap[backend, measure])
	if (unit[measure] == "pairs/s")
		return sprintf("%.0f, %.0f (%.2f)", map[backend, measure], unmap[backend, measure],
			unmap[backend, measure] / map[backend, measure])
	return number(map[backend, measure]) " / " number(unmap[backend, measure])
}

function part(ours, peer) {
	return peer > 0 ? sprintf("%.2f", ours / peer) : "-"
}

function ratio(peer, measure) {
	if (!((peer, measure) in map) || !(("ours", measure) in map))
		return "-"
	if (unit[measure] == "bytes")
		return part(map["ours", measure], map[peer, measure])
	if (unit[measure] == "pairs/s")
		return part(map["ours", measure], map[peer, measure]) ", " \
			part(unmap["ours", measure], unmap[peer, measure])
	return part(map["ours", measure], map[peer, measure]) " / " \
		part(unmap["ours", measure], unmap[peer, measure])
}

function verdict(measure,  met) {
	if (!(measure in map_target) || !(("ours", measure) in map))
		return ""
	if (unit[measure] == "pairs/s") {
		met = unmap["ours", measure] >= map_target[measure] * map["ours", measure]
		return "at least " map_target[measure] (met ? ": met" : ": NOT MET")
	}
	met = map["ours", measure] <= map_target[measure]
	if (unmap_target[measure] != "-")
		met = met && unmap["ours", measure] <= unmap_target[measure]
	return map_target[measure] (unmap_target[measure] != "-" ? " / " unmap_target[measure] : "") \
		(met ? ": met" : ": NOT MET")
}

/^#/ { next }
FILENAME ~ /targets.tsv$/ {
	if ($1 == row && $2 == mode) {
		map_target[$3] = $4
		unmap_target[$3] = $5
	}
	next
}
{
	unit[$2] = $3
	map[$1, $2] = $4
	unmap[$1, $2] = $5
}

END {
	title["count-off"] = "Instructions per 4K page, map / unmap; caching mode off"
	title["count-on"] = "Instructions per 4K page, map / unmap; caching mode on"
	title["count-sg"] = "Instructions per 4K page, map / unmap; by iommu_map_sg(), caching mode off"
	title["count-viommu"] = "Instructions per 4K page, map / unmap; behind a virtio-iommu"
	title["time-off"] = "Nanoseconds per 4K page, map / unmap; caching mode off"
	title["time-on"] = "Nanoseconds per 4K page, map / unmap; caching mode on"
	title["time-viommu"] = "Nanoseconds per 4K page, map / unmap; behind a virtio-iommu"
	print "### " row ": " title[mode] "\n"
	print "| measure | type1 | iommufd | ours | ours : type1 | ours : iommufd | target |"
	print "|---|---|---|---|---|---|---|"
	while ((getline measure <order) > 0)
		if (measure in unit)
			printf "| %s | %s | %s | %s | %s | %s | %s |\n", measure,
				cell("type1", measure), cell("iommufd", measure), cell("ours", measure),
				ratio("type1", measure), ratio("iommufd", measure), verdict(measure)
	print ""
}
