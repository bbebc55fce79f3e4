package shell

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/completer"
	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/prompt"
	"smtpctl/shell/render"
	"smtpctl/shell/suggest"
)

// hostileParts are texts that would do harm at a prompt or in a shell, or on a
// terminal, if a value from smtpd with one of them were put into a line.
var hostileParts = []string{
	"$(touch x)", "`touch x`", "|touch x", ";touch x", "&touch x", ">x", "<x", "'", `"`, `\`, "#", " ", "\t", "\n", "\r", "\x1b[2J", "\x07", "\x08", "\u009b", "\u202e", "\xff", "*", "?", "~", "!", "{a,b}", "-",
}

// forgedLines answers a report with other lines than smtpd's.
func forgedLines(kind protocol.Type, lines []string) func() func(int, []byte) []byte {
	layout := protocol.HostLayout()
	return func() func(int, []byte) []byte {
		sent := false
		return func(_ int, raw []byte) []byte {
			f, _, err := layout.DecodeFrame(raw)
			if err != nil || f.Type != kind || sent {
				return raw
			}
			sent = true
			var out []byte
			for _, line := range lines {
				out, _ = layout.AppendFrame(out, protocol.Frame{Type: kind, Payload: append([]byte(line), 0)})
			}
			return append(out, raw...)
		}
	}
}

// TestHostileLiveValues completes the values that come from smtpd, from smtpd.conf
// and from folders, with each hostile text in them. Only what has the form of its
// kind is offered, and nothing that does anything but stand for itself.
func TestHostileLiveValues(t *testing.T) {
	t.Parallel()
	var routes, sources, domains []string
	for _, h := range hostileParts {
		routes = append(routes, "7"+h+". [] <-> 192.0.2.1 -D--")
		sources = append(sources, "192.0.2.1"+h+" -> d.example")
		domains = append(domains, "192.0.2.9 -> x"+h+".example")
	}
	for _, tt := range []struct {
		line   string
		kind   protocol.Type
		forged []string
		good   string // a line of the same kind that is offered
		want   string
	}{
		{"resume route ", protocol.TypeShowRoutes, routes, "31. [] <-> 192.0.2.1 -D--", "31"},
		{"resume mta from ", protocol.TypeShowBlock, sources, "192.0.2.33 -> good.example", "192.0.2.33"},
		{"resume mta from 192.0.2.9 for ", protocol.TypeShowBlock, domains, "192.0.2.9 -> good.example", "good.example"},
	} {
		_, path := simtest.Start(t, smtpdsim.Config{Tamper: forgedLines(tt.kind, append(tt.forged, tt.good))})
		list := completeOn(t, path, tt.line)
		found := false
		for _, s := range list {
			text := strings.TrimSpace(s.Text)
			found = found || text == tt.want
			if strings.ContainsAny(text, "$`|;&><'\"\\# \t\n\r*?~!{}") || text != render.Safe(text) || s.Description != render.Safe(s.Description) || strings.HasPrefix(text, "-") {
				t.Errorf("%s: offers %q, %q", tt.line, s.Text, s.Description)
			}
		}
		if !found {
			t.Errorf("%s: %s is not offered: %v", tt.line, tt.want, list)
		}
	}
}

// completeOn returns what the prompt offers at the end of a line.
func completeOn(t *testing.T, socket, line string) []prompt.Suggestion {
	opts := command.DefaultOptions()
	opts.Socket = socket
	s := NewSession(opts, IO{In: strings.NewReader(""), Out: os.Stderr, Err: os.Stderr, Env: func(string) string { return "" }})
	t.Cleanup(s.Close)
	l := s.live(func() {})
	l.Wait = 20 * completeWait // a busy machine must not make it look at less
	r := &repl{s: s, live: l, comp: &completer.Completer{Tree: s.tree, Source: l}}
	list, _ := r.complete(line, len(line))
	return list
}

// TestHostileFileNames offers files whose names hold hostile texts: one that shows
// is offered so that it is the name of that file and nothing else.
func TestHostileFileNames(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := map[string]bool{}
	for i, h := range hostileParts {
		name := fmt.Sprintf("f%02d%sx", i, h)
		if os.WriteFile(filepath.Join(dir, name), nil, 0o600) == nil {
			names[dir+"/"+name] = true
		}
	}
	for _, s := range completeOn(t, filepath.Join(dir, "none"), "source "+dir+"/f") {
		commands, err := splitLine("source " + s.Text)
		if err != nil || len(commands) != 1 || len(commands[0].Words) != 2 || commands[0].Pipe != "" || !names[commands[0].Words[1]] {
			t.Errorf("offers %q, which is %+v, %v", s.Text, commands, err)
			continue
		}
		delete(names, commands[0].Words[1])
	}
	for name := range names {
		if name == render.Safe(name) {
			t.Errorf("%q is not offered", name)
		}
	}
}

// TestAllIsNeverFirst completes each command that takes all: the word for
// everything is never what the first Tab chooses.
func TestAllIsNeverFirst(t *testing.T) {
	t.Parallel()
	_, path := simtest.Start(t, smtpdsim.Config{Messages: 3})
	for _, socket := range []string{path, path + ".none"} {
		for _, line := range []string{"schedule ", "remove ", "pause envelope ", "resume envelope ", "resume route ", "sch ", "rem "} {
			list := completeOn(t, socket, line)
			if len(list) > 0 && list[0].Text == "all" {
				t.Errorf("%s: all comes first of %d", line, len(list))
			}
		}
	}
}

// TestHostileTables offers no table whose name in smtpd.conf is more than a name.
func TestHostileTables(t *testing.T) {
	t.Parallel()
	for _, h := range hostileParts {
		for _, name := range []string{h + "x", "x" + h, "x" + h + "y"} {
			if s := strings.Trim(name, "xy-"); s != "" && strings.ContainsAny(s, "$`'\"\\{}<>\x1b\x07\x08") && suggest.LooksLikeTable(name) {
				t.Errorf("%q is taken for the name of a table", name)
			}
		}
	}
	for _, name := range []string{"aliases", "my-table_2", "virtual.users"} {
		if !suggest.LooksLikeTable(name) {
			t.Errorf("%q is not taken for the name of a table", name)
		}
	}
}
