package selector

import (
	"fmt"
	"strings"
	"sync"
)

// examples are terms as they are typed on a line, by the name of their field.
var examples = sync.OnceValue(func() map[string][]string {
	return map[string][]string{
		"from":       {"from=alice@example.org", "from=@example.org", "from='<>'", "from='*-bounces@*'"},
		"to":         {"to=bob@example.com", "to=@example.com", "to!=postmaster@*"},
		"domain":     {"domain=example.com", "domain='*.example.com'", "domain!=example.com", "'domain~^mx[0-9]+[.]'"},
		"error":      {"error='*greylist*'", "error~^5", "'error~4[.]7[.]1|rate'"},
		"state":      {"state=held", "state=pending,suspended", "state!=inflight"},
		"type":       {"type=bounce", "type=mta,mda"},
		"older":      {"older=2d", "older=90m"},
		"newer":      {"newer=1h", "older=1h newer=2h"},
		"tries":      {"tries=0", "tries=3-", "tries=2-5"},
		"next":       {"next=10m", "next=1h-", "next=10m-1h"},
		"source":     {"source=192.0.2.7", "source=192.0.2.0/24", "source=local"},
		"host":       {"host='*.dynamic.example'"},
		"helo":       {"helo=localhost", "'helo!~[.]'"},
		"user":       {"user=www-data", "user=alice@example.org"},
		"tag":        {"tag=submission"},
		"dispatcher": {"dispatcher=outbound"},
		"expires":    {"expires=1h", "expires=1d-"},
		"size":       {"size=10m-", "size=-100k", "size=100k-1m"},
		"subject":    {"subject='*invoice*'", "'subject~(?i)^re:'"},
		"header":     {"header:List-Id='*news*'", "header:X-Mailer='*'"},
		"body":       {"'body~(?i)unsubscribe'"},
	}
})

// Explain returns a description of the field's term with examples, in lines.
func (f *Field) Explain() string {
	var b strings.Builder
	for _, op := range strings.Fields(f.Ops()) {
		want := f.Want
		if op == "~" {
			want = "REGEXP"
		}
		fmt.Fprintf(&b, "%s%s%s\n", f.Key(), op, want)
	}
	fmt.Fprintf(&b, "    %s\n", f.About())
	if f.Note != "" {
		fmt.Fprintf(&b, "    %s\n", f.Note)
	}
	if f.Want == "GLOB" {
		b.WriteString("    * stands for any text and ? for one character; letters match in either case.\n")
	}
	if f.Scheduler {
		b.WriteString("    Only smtpd knows it: files on disk have none.\n")
	}
	b.WriteString("    != negates the match.\n")
	if strings.Contains(f.Ops(), "~") {
		b.WriteString("    A regular expression is found anywhere; !~ negates it.\n")
	}
	if e := examples()[f.Name]; len(e) > 0 {
		fmt.Fprintf(&b, "examples:\n    %s\n", strings.Join(e, "\n    "))
	}
	return b.String()
}
