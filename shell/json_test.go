package shell

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"smtpctl/shell/render"
)

// jsonNames returns the names that a struct has in JSON.
func jsonNames(v any) []string {
	var names []string
	for f := range reflect.TypeOf(v).Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// TestJSONNames compares the names in JSON with those that the README promises.
func TestJSONNames(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	promised := map[string][]string{}
	for line := range strings.Lines(string(readme)) {
		cells := strings.Split(line, "|")
		if len(cells) == 4 {
			names, _, _ := strings.Cut(cells[2], ";")
			promised[strings.TrimSpace(cells[1])] = strings.Fields(strings.ReplaceAll(names, "`", " "))
		}
	}
	for what, v := range map[string]any{
		"`show queue`": render.EnvelopeJSON{}, "`show queue by`": groupJSON{}, "`explain`": verdict{},
		"actions on envelopes, `discover`": tallyJSON{}, "other actions": resultJSON{}, "`show message`": messageJSON{}, "`spf walk`": networkJSON{}, "`encrypt`": hashJSON{}, "`encrypt --verify`": verifiedJSON{}, "`show stats`": statJSON{},
		"`show routes`": route{}, "`show hosts`": host{}, "`show relays`": relay{}, "`show hoststats`": hostStat{},
		"`show mta paused`": block{}, "`monitor`": digestJSON{},
	} {
		if got := jsonNames(v); !slices.Equal(got, promised[what]) {
			t.Errorf("%s: %q, the README has %q", what, got, promised[what])
		}
	}
}
