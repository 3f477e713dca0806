# SPDX-License-Identifier: GPL-2.0-only
#
# Instructions per page, map above, unmap below. Variables: row, data, out.
set terminal svg size 900,640 font "sans,11"
set output out
set style data histogram
set style histogram clustered gap 1
set style fill solid border -1
set boxwidth 0.9
set grid ytics
set logscale y
set key top right
set multiplot layout 2,1 title sprintf("row %s: instructions per 4K page, caching mode off", row)
do for [half = 0:1] {
	set ylabel half == 0 ? "map" : "unmap"
	plot for [b = 0:2] data using (column(2 + 3 * half + b) > 0.01 ? column(2 + 3 * half + b) : 0.01):xtic(1) \
		title word("type1 iommufd ours", b + 1)
}
unset multiplot
