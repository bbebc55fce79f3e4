package shell

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/commandtest"
)

// listID is an envelope whose error hurts a spreadsheet.
const listID = protocol.EnvelopeID(7<<32 | 1)

// listError is what some server may answer.
const listError = `550 "quoted", comma; <x> =1+1`

// listLines are the lines of commands whose usual one lists nothing.
func listLines(t *testing.T, dir string) map[string]string {
	log := filepath.Join(dir, "maillog")
	text := `2026-11-25T10:00:00+0000 mx smtpd[7]: 1bae673b72d6a93b mta delivery evpid=623fb1b6fd8c25a3 from=<"=a,b"@x.example> to=<a@y.example> result="TempFail" stat="451 say ""no"""` + "\n"
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"show log <logged...>":  "show log --log " + log + " a@y.example",
		"show journal <folder>": "",
		"spf walk <name...>":    "", // it has no name server here
		"spf walk":              "",
		"browse":                "",
		"browse <selector...>":  "",
		"watch <word...>":       "",
		"show spool":            "show spool",
	}
}

// clock is what the clock changes in a text from one look to the next.
var clock = regexp.MustCompile(`(\d+[dhms])+|\d\d:\d\dZ`)

// listSession returns a session on a simulated smtpd whose mail and listings hurt.
func listSession(t *testing.T, dir string) (*Session, *strings.Builder) {
	t.Helper()
	forged := []string{`=cmd|' /C calc'!A0|1|550 "x", y`, `@SUM(A1)|1|-5 "a` + "\t" + `b"`}
	sim, path := simtest.Start(t, smtpdsim.Config{
		Seed: 1, Messages: 5, Tables: []string{"aliases"}, Spool: filepath.Join(dir, "spool"),
		Tamper: func() func(int, []byte) []byte {
			return func(_ int, raw []byte) []byte { return withLines(raw, forged) }
		},
	})
	sim.Add(smtpdsim.Envelope{ID: listID, Text: "version: 3\ndispatcher: relay\ntype: mta\nsender: =x@a.example\nrcpt: +y@b.example\ndest: +y@b.example\n" +
		"ctime: 1\nretry: 2\nerrorline: " + listError + "\n"})
	var out strings.Builder
	opts := command.DefaultOptions()
	opts.Socket, opts.Spool = path, filepath.Join(dir, "spool")
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: &out, Err: io.Discard, Env: func(name string) string {
		if name == "HOME" {
			return dir
		}
		return ""
	}})
	t.Cleanup(s.Close)
	s.mode, s.lasting = command.FromFile, true
	for _, line := range []string{"hold from=nobody@nowhere.example for=1h", "log brief"} {
		if err := s.Eval(context.Background(), line); err != nil {
			t.Fatal(line, err)
		}
	}
	out.Reset()
	return s, &out
}

// withLines puts lines before the end of a listing of the last deliveries.
func withLines(raw []byte, lines []string) []byte {
	layout := protocol.HostLayout()
	f, _, err := layout.DecodeFrame(raw)
	if err != nil || f.Type != protocol.TypeShowHostStats || len(f.Payload) > 0 {
		return raw
	}
	var out []byte
	for _, line := range lines {
		out, _ = layout.AppendFrame(out, protocol.Frame{Type: f.Type, Payload: append([]byte(line), 0)})
	}
	return append(out, raw...)
}

// TestListsSeparated runs every command of the table with -o csv and -o tsv: a list has
// a line of names, which are those of JSON, and its values, whatever is in them; all else
// is refused.
func TestListsSeparated(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lines := listLines(t, dir)
	filled := 0
	for _, c := range commandTable() {
		line, own := lines[c.Pattern]
		if !own {
			line = commandtest.Lines[c.Pattern]
		}
		if line == "" || c.Words != command.Plain || c.Aims { // then it is the command inside it
			continue
		}
		for format, comma := range map[string]rune{command.FormatCSV: ',', command.FormatTSV: '\t'} {
			if c.Lacks(format) {
				s, sim := emptySession(t)
				wantUsage(t, s, sim, line+" -o "+format)
				wantUsage(t, s, sim, line+" --columns id")
				continue
			}
			s, out := listSession(t, t.TempDir())
			if err := s.Eval(context.Background(), line+" -o json"); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			var objects []map[string]any
			for d := json.NewDecoder(strings.NewReader(out.String())); d.More(); {
				var o map[string]any
				if err := d.Decode(&o); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				objects = append(objects, o)
			}
			out.Reset()
			s.Eval(context.Background(), line+" -o "+format)
			r := csv.NewReader(strings.NewReader(out.String()))
			r.Comma = comma
			rows, err := r.ReadAll() // each has as many fields as the first
			if err != nil || len(rows) != len(objects)+1 {
				t.Fatalf("%s -o %s: %v, %d rows, %d objects:\n%s", line, format, err, len(rows), len(objects), out)
			}
			if names := c.ListColumns(); names != nil && slices.ContainsFunc(rows[0], func(n string) bool { return !slices.Contains(names, n) }) {
				t.Errorf("%s: %q, expected some of %q", line, rows[0], names)
			}
			filled += min(len(objects), 1)
			for i, o := range objects {
				for j, name := range rows[0] {
					want, ok := o[name].(string)
					got := rows[i+1][j]
					if ok && format == command.FormatCSV && strings.ContainsAny(want[:min(1, len(want))], "=+-@") {
						want = "'" + want
					}
					if ok && clock.ReplaceAllString(got, "") != clock.ReplaceAllString(want, "") || !ok && (o[name] == nil) != (got == "") {
						t.Errorf("%s -o %s: %s is %q, want %v", line, format, name, got, o[name])
					}
				}
			}
		}
	}
	if filled < 30 {
		t.Errorf("only %d lists had rows", filled)
	}
}

// TestListsColumns lists chosen columns of every list, in every format that has columns.
func TestListsColumns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	lines := listLines(t, dir)
	for _, c := range commandTable() {
		line, own := lines[c.Pattern]
		if !own {
			line = commandtest.Lines[c.Pattern]
		}
		names := c.ListColumns()
		if line == "" || len(names) == 0 {
			continue
		}
		s, out := listSession(t, t.TempDir())
		two := []string{names[len(names)-1], names[0]}
		for format, want := range map[string]string{
			command.FormatCSV: strings.Join(two, ",") + "\n", command.FormatTSV: strings.Join(two, "\t") + "\n",
			command.FormatTable: strings.ToUpper(two[0]) + " ", command.FormatExpanded: two[1] + ": ",
		} {
			out.Reset()
			err := s.Eval(context.Background(), fmt.Sprintf("%s -o %s --columns %s", line, format, strings.Join(two, ",")))
			empty := out.String() == "" && (format == command.FormatTable || format == command.FormatExpanded)
			if err != nil || !empty && !strings.Contains(out.String(), want) {
				t.Errorf("%s: %v, no %q in\n%s", line, err, want, out)
			}
		}
		for _, bad := range []string{"--columns " + two[0] + ",colour", "--columns " + two[0] + "," + two[0], "--columns " + two[0] + " -o json", "--columns " + two[0] + " -o plain"} {
			s, sim := emptySession(t)
			wantUsage(t, s, sim, line+" "+bad)
		}
	}
}

// TestListsColumnsAreOffered completes the columns of lists, one after the other.
func TestListsColumnsAreOffered(t *testing.T) {
	t.Parallel()
	s, _ := emptySession(t)
	live := s.live(func() {})
	live.Wait = completeWait
	r := &repl{s: s, live: live, comp: s.completer(live, nil)}
	for line, want := range map[string][2]string{
		"show routes --columns de":                  {"destination", "domain"},
		"show routes --columns id,":                 {"id,errors", "id,id"},
		"show hosts --columns=address,":             {"--columns=address,name", "--columns=address,address"},
		"show queue by domain --columns name,co":    {"name,count", "name,columns"},
		"explain all --columns ":                    {"verdict", "destination"},
		"show status --columns mda,mta,smtp,":       {"", "mda,mta,smtp,mda"},
		"watch show routes -n 2 --columns id,error": {"", "error"},
	} {
		var texts []string
		list, _ := r.complete(line, len(line))
		for _, s := range list {
			texts = append(texts, strings.TrimSpace(s.Text))
		}
		if want[0] != "" && !slices.Contains(texts, want[0]) || slices.Contains(texts, want[1]) {
			t.Errorf("%s: %q, want %s, and not %s", line, texts, want[0], want[1])
		}
	}
}
