# SPDX-License-Identifier: GPL-2.0-only
#
# List what a uAPI header (comments stripped) defines: "struct NAME", "field STRUCT FIELD", "const NAME"
# (enumerators, and macros without parameters that have a value).

depth && /\}/ {
	if (--depth == 0) {
		name = ""
		next
	}
}

!depth && /^struct [a-z0-9_]+ *\{/ {
	name = $2
	depth = 1
	print "struct", name
	next
}

!depth && /^enum.*\{/ {
	in_enum = 1
	sub(/.*\{/, "")
}

in_enum {
	n = split($0, part, ",")
	for (i = 1; i <= n; i++)
		if (match(part[i], /[A-Z][A-Z0-9_]+/) && part[i] !~ /^[^=]*\}/)
			if (part[i] !~ /^ *=/)
				print "const", substr(part[i], RSTART, RLENGTH)
	if (/\}/)
		in_enum = 0
	next
}

/^#define [A-Z][A-Z0-9_]+[ \t]+[^ \t]/ {
	print "const", $2
	next
}

depth && /\{/ {
	depth++
}

depth && /;[ \t]*$/ && !/\}/ {
	sub(/[ \t]*;[ \t]*$/, "")
	sub(/(\[[^]]*\])+$/, "")
	sub(/.*[ \t*]/, "")
	if (/^[A-Za-z_][A-Za-z0-9_]*$/)
		print "field", name, $0
}
