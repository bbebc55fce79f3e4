package journal

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"smtpctl/completer/grammar"
	"smtpctl/shell/command"
	"smtpctl/shell/copies"
	"smtpctl/shell/render"
)

// showFolder returns what show journal prints of records in a folder.
func showFolder(t *testing.T, format string, records ...copies.Record) string {
	t.Helper()
	dir := t.TempDir()
	d, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	j, err := copies.OpenJournal(d)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := j.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	c := &command.Call{Cmd: Commands[1], Path: []string{"show", "journal", dir}, Args: []grammar.Arg{{Text: dir, Value: dir}}}
	c.Out = command.NewOutput(&out, false, render.NewStyle(false))
	c.Opts = command.DefaultOptions()
	c.Opts.Output = format
	if err := runShowFolder(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	if err := c.EndRows(); err != nil {
		t.Fatal(err)
	}
	c.Out.Flush()
	return out.String()
}

// TestShowFolder lists what commands have done with copies, on this machine and on others, whole
// and interrupted after each step.
func TestShowFolder(t *testing.T) {
	const a, b = "1111111100000001", "2222222200000001"
	saved := copies.Record{Event: copies.Saved, ID: a, Who: "anna", Command: "remove all --save x", Host: "mx1"}
	step := func(e copies.Event, id, as, into string) copies.Record {
		return copies.Record{Event: e, ID: id, As: as, Into: into}
	}
	first := func(r copies.Record) copies.Record {
		r.Who, r.Command = "bert", "restore x"
		return r
	}
	there := []copies.Record{first(step(copies.Placing, a, a, "mx2")), step(copies.Placing, b, b, "mx2"), first(step(copies.Queued, a, a, "mx2")), step(copies.Queued, b, b, "mx2"),
		first(step(copies.Restored, a, a, "mx2")), step(copies.Restored, b, b, "mx2")}
	inflight := saved
	inflight.ID, inflight.Inflight = b, true
	for _, tt := range []struct {
		records []copies.Record
		want    []string // the ends of lines
	}{
		{[]copies.Record{saved, inflight}, []string{"anna: remove all --save x: 2 envelopes saved from mx1, 1 in flight just then"}},
		{there, []string{"bert: restore x: 2 envelopes restored into mx2"}},
		{there[:2], []string{"bert: restore x: interrupted while it put 2 envelopes into the queue of mx2"}},
		{there[:3], []string{"bert: restore x: interrupted while it put 1 envelope into the queue of mx2", "bert: restore x: interrupted after it had put 1 envelope into the queue of mx2, which smtpd may not have loaded"}},
		{there[:4], []string{"bert: restore x: interrupted after it had put 2 envelopes into the queue of mx2, which smtpd may not have loaded"}},
		{there[:5], []string{"interrupted after it had put 1 envelope into the queue of mx2, which smtpd may not have loaded", "bert: restore x: 1 envelope restored into mx2"}},
		{[]copies.Record{there[0], first(step(copies.Dropped, a, a, "mx2"))}, []string{"bert: restore x: 1 envelope not put into the queue of mx2 after all"}},
		{[]copies.Record{there[0], first(step(copies.Placing, a, b, "")), first(step(copies.Restored, a, b, ""))}, []string{"bert: restore x: 1 envelope restored, 1 under another id"}},
		{[]copies.Record{first(step(copies.Restored, a, a, "mx2")), step(copies.Restored, b, b, "mx3"), step(copies.Restored, b, b, "")},
			[]string{"1 envelope restored into mx2", "1 envelope restored into mx3", "bert: restore x: 1 envelope restored"}},
		{[]copies.Record{{Event: "of later", ID: a}, saved}, []string{"1 envelope saved from mx1"}},
	} {
		lines := strings.Split(strings.TrimSuffix(showFolder(t, command.FormatPlain, tt.records...), "\n"), "\n")
		same := len(lines) == len(tt.want)
		for i := range min(len(lines), len(tt.want)) {
			same = same && strings.HasSuffix(lines[i], tt.want[i])
		}
		if !same {
			t.Errorf("%v: %q, want %q", tt.records, lines, tt.want)
		}
	}
}

// TestShowFolderWhole shows all that a record has: each of its fields is in the JSON.
func TestShowFolderWhole(t *testing.T) {
	var r copies.Record
	v := reflect.ValueOf(&r).Elem()
	for _, field := range v.Fields() {
		switch field.Kind() {
		case reflect.String:
			field.SetString("a value")
		case reflect.Bool:
			field.SetBool(true)
		default:
			field.SetInt(77)
		}
	}
	r.Event = copies.Restored
	out := showFolder(t, command.FormatJSON, r)
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	mail := got["mail"].([]any)[0].(map[string]any)
	for f, field := range v.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		_, batch := got[name]
		if value, one := mail[name]; !batch && (!one || field.IsZero() != (value == nil)) {
			t.Errorf("%s is not shown: %s", name, out)
		}
	}
}
