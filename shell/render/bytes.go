package render

import "fmt"

// Bytes formats a number of bytes for people, such as 1.5 GiB.
func Bytes(n int64) string {
	if n < 1024 {
		return Plural(int(n), "byte")
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", v, units[unit])
}

// units are the units of Bytes above the byte.
var units = []string{"KiB", "MiB", "GiB", "TiB"}
