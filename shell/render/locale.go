package render

import (
	"strings"
	"sync/atomic"
)

// ascii says that text for a terminal must be ASCII. A terminal with another locale
// shows the bytes of UTF-8 as other characters, some of which act on it.
var ascii atomic.Bool

// SetASCII sets whether this process writes only ASCII to terminals, into tables
// and into JSON.
func SetASCII(on bool) { ascii.Store(on) }

// ASCII reports whether this process writes only ASCII.
func ASCII() bool { return ascii.Load() }

// IsUTF8 reports whether the environment names a UTF-8 locale. As in POSIX, the first
// of LC_ALL, LC_CTYPE and LANG that is not empty counts; without any the locale is C.
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

// ellipsis returns the mark at the end of a shortened cell.
func ellipsis() string {
	if ASCII() {
		return "~"
	}
	return "…"
}
