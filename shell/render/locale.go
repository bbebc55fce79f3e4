package render

import (
	"strings"
	"sync/atomic"
)

// ascii says that what goes to a terminal must be ASCII: a terminal whose locale is
// another shows the bytes of UTF-8 as other characters, some of which act on it.
var ascii atomic.Bool

// SetASCII sets whether this process writes only ASCII to terminals, into tables
// and into JSON.
func SetASCII(on bool) { ascii.Store(on) }

// ASCII reports whether this process writes only ASCII.
func ASCII() bool { return ascii.Load() }

// IsUTF8 reports whether the locale that the environment names is one of UTF-8.
// As POSIX has it, the first of LC_ALL, LC_CTYPE and LANG counts that is not
// empty; without any the locale is C.
func IsUTF8(env func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := env(name); v != "" {
			v, _, _ = strings.Cut(v, "@") // a modifier, as in de_DE.UTF-8@euro
			v = strings.ToLower(v)
			return strings.HasSuffix(v, "utf-8") || strings.HasSuffix(v, "utf8")
		}
	}
	return false
}

// ellipsis stands where a cell of a table is cut.
func ellipsis() string {
	if ASCII() {
		return "~"
	}
	return "…"
}
