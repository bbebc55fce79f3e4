package selector

import (
	"regexp"
	"strings"
	"sync"
)

// The parts of an error line that say what went wrong, and the parts that differ
// between messages: addresses, times, ids and numbers. The expressions are compiled
// when they are first needed, not at every start of the program.
var (
	codeRE   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\d{3}([ -]\d\.\d{1,3}\.\d{1,3})?`) })
	manifold = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(manifoldParts) })
)

const manifoldParts = `<[^<>\s]*@[^<>\s]*>|[^\s<>()\[\]"',;:]+@[A-Za-z0-9.-]+[A-Za-z0-9]` + // addresses
	`|\[?\b(?:\d{1,3}\.){3}\d{1,3}\b\]?` + // IPv4
	`|\[?\b[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{0,4}){3,7}\]?` + // IPv6
	`|\b\d{1,2}:\d{2}(?::\d{2})?\b` + // times
	`|\b[0-9A-Za-z_.-]*\d[0-9A-Za-z_.-]{6,}\b` + // ids
	`|\b[0-9a-fA-F]*\d[0-9a-fA-F]*\b` // numbers

// ErrorPattern returns the pattern for error= that matches an error line and all lines
// that differ only in the variable parts. Variable parts are replaced by *, and
// wildcards in the line are escaped.
func ErrorPattern(line string) string {
	code := codeRE().FindString(line)
	var b strings.Builder
	b.WriteString(EscapeGlob(code))
	rest := line[len(code):]
	end := 0
	for _, m := range manifold().FindAllStringIndex(rest, -1) {
		b.WriteString(EscapeGlob(rest[end:m[0]]))
		b.WriteByte('*')
		end = m[1]
	}
	b.WriteString(EscapeGlob(rest[end:]))
	return b.String()
}
