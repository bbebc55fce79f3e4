package shell

import (
	"regexp"
	"sync"
)

// The parts of an error line that say what went wrong, and those that are
// another for each mail: addresses, times, ids and numbers.
// They are compiled when they are first needed, not whenever the program starts.
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

// foldError returns an error line with what is another for each mail replaced by
// *, so that like errors look the same. It can be used as the GLOB of error=.
func foldError(line string) string {
	code := codeRE().FindString(line)
	return code + manifold().ReplaceAllString(line[len(code):], "*")
}
