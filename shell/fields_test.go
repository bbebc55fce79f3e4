package shell

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/selector"
)

// TestFields compares the table of fields with everything that has to follow it: terms,
// orders, groupings, the columns of a listing, the names in JSON, help and manual.
func TestFields(t *testing.T) {
	var json []string
	for _, f := range reflect.VisibleFields(reflect.TypeFor[render.EnvelopeJSON]()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		json = append(json, name)
	}
	var columns, names []string
	manual := manualPage(t)
	for _, f := range selector.Fields() {
		if slices.Contains(names, f.Name) {
			t.Errorf("two fields are called %s", f.Name)
		}
		names = append(append(names, f.Name), f.Also...)
		if f.JSON != "" {
			if !slices.Contains(json, f.JSON) {
				t.Errorf("%s: the JSON of an envelope has no %q", f.Name, f.JSON)
			}
			json = slices.DeleteFunc(json, func(name string) bool { return name == f.JSON })
		}
		if (f.Column != "") != (f.Shown != nil) || f.Shown != nil && (f.JSON == "" || slices.Contains(columns, f.Column)) {
			t.Errorf("%s: the column %q, shown %v, is %q in JSON", f.Name, f.Column, f.Shown != nil, f.JSON)
		}
		if f.Column != "" {
			columns = append(columns, f.Column)
		}
		if (f.Want != "") != slices.Contains(selector.Terms(), f) || f.Doc == "" {
			t.Errorf("%s: wants %q, is about %q", f.Name, f.Want, f.Doc)
		}
		if f.Want != "" && !strings.Contains(manual, f.Doc) {
			t.Errorf("the manual does not explain %s=", f.Name)
		}
		for _, name := range append([]string{f.Name}, f.Also...) {
			if names := selector.Find(selector.Fields(), name); names != f {
				t.Errorf("%s is a name of two fields", name)
			}
			if got := selector.Find(selector.Terms(), name); f.Want != "" && got != f || !strings.Contains(f.About(), name) && name != f.Name {
				t.Errorf("%s: %q is no name of its term, or %q does not say it", f.Name, name, f.About())
			}
			if _, err := lineOf(t, "show queue columns="+name); (err == nil) != (f.Shown != nil) {
				t.Errorf("columns=%s: %v", name, err)
			}
			if _, err := lineOf(t, "show queue sort=-"+name); (err == nil) != f.Sorts() {
				t.Errorf("sort=%s: %v", name, err)
			}
			if _, err := lineOf(t, "show queue by "+name); (err == nil) != (f.Group != nil) {
				t.Errorf("by %s: %v", name, err)
			}
		}
	}
	for _, name := range json {
		t.Errorf("the name %q in JSON belongs to no field", name)
	}
	for _, name := range selector.DefaultColumns {
		if selector.Find(selector.Columns(), name) == nil {
			t.Errorf("no field is called %s", name)
		}
	}
}

// lineOf parses a line as far as that goes without smtpd.
func lineOf(t *testing.T, line string) (any, error) {
	t.Helper()
	s := &Session{table: commandTable(), opts: command.DefaultOptions(), io: IO{Env: func(string) string { return "" }}}
	s.tree = newTree(s.table)
	return s.parse(strings.Fields(line))
}

// TestNewField adds a field to the table, as CONTRIBUTING tells: its order, grouping,
// help and completion follow.
func TestNewField(t *testing.T) {
	before := selector.Fields
	defer func() { selector.Fields = before }()
	more := append(slices.Clone(before()), &selector.Field{
		Name: "length", Doc: "length of the recipient's address",
		Number: func(e *protocol.Envelope) int64 { return int64(len(e.Rcpt.String())) },
		Group: &selector.Grouping{Doc: "length of the recipient's address",
			Of: func(e *protocol.Envelope, _ int64) string { return fmt.Sprint(len(e.Rcpt.String())) }},
	})
	selector.Fields = func() []*selector.Field { return more }
	for _, line := range []string{"show queue sort=length", "show queue by length", "show queue by len age"} {
		if _, err := lineOf(t, line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if !slices.Contains(queue.SortKeys(), "length") {
		t.Error("help does not list the order")
	}
	if _, err := lineOf(t, "show queue by nothing"); err == nil || !strings.Contains(err.Error(), "host, length, server, size, ") {
		t.Errorf("the error does not list the grouping: %v", err)
	}
	q := newQueueTest(t)
	for _, line := range []string{"show queue by length", "show queue by len age", "show queue by length -o table", "show queue by length -o json", "show queue sort=length"} {
		if out, errs, status := q.eval(line); status != command.StatusOK || strings.Count(out, "\n") == 0 || errs != "" {
			t.Errorf("%s: status %d, %s%s", line, status, out, errs)
		}
	}
}
