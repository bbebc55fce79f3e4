package manual

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"smtpctl/shell/bounce"
	"smtpctl/shell/handover"
	"smtpctl/shell/hold"
	"smtpctl/shell/inspect"
	"smtpctl/shell/journal"
	"smtpctl/shell/maillog"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/report"
	"smtpctl/shell/restore"
	"smtpctl/shell/server"
	"smtpctl/shell/tools"
)

// A shape says which commands print the JSON of a type, of which value is one.
type shape struct {
	commands string
	value    any
}

// others stands in the manual for the commands that have no shape of their own.
const others = "other commands that change something"

// jsonShapes are the shapes of all commands except those of the session.
var jsonShapes = []shape{
	{"show queue, show envelope", render.EnvelopeJSON{}},
	{"show queue --follow", queue.FollowJSON{}},
	{"show queue by", queue.GroupJSON{}},
	{"show queue by with server last", queue.ServerGroupJSON{}},
	{"show message", inspect.MessageJSON{}},
	{"explain", inspect.Verdict{}},
	{"explain of many", inspect.VerdictGroup{}},
	{"after, of schedule", queue.AfterJSON{}},
	{"schedule with batch= or rate=", queue.PaceJSON{}},
	{"discover, hold, pause envelope, release, remove, resume envelope, schedule", queue.TallyJSON{}},
	{"show log", maillog.Event{}},
	{"show holds", hold.HoldJSON{}},
	{"show journal", journal.Entry{}},
	{"show journal FOLDER", journal.Batch{}},
	{"bounce, requeue", handover.ResultJSON{}},
	{"bounce --dry-run, notify", bounce.NoticeJSON{}},
	{"restore", restore.TallyJSON{}},
	{others, server.ResultJSON{}},
	{"show status", server.StatusJSON{}},
	{"show stats", server.StatJSON{}},
	{"show spool", inspect.SpoolJSON{}},
	{"show routes", report.Route{}},
	{"show hosts", report.Host{}},
	{"show relays", report.Relay{}},
	{"show hoststats", report.HostStat{}},
	{"show mta paused", report.Block{}},
	{"monitor", server.DigestJSON{}},
	{"encrypt", tools.HashJSON{}},
	{"encrypt --verify", tools.VerifiedJSON{}},
	{"spf walk", tools.NetworkJSON{}},
}

// allShapes returns jsonShapes with the shapes of the session inserted before the shape of
// the other commands.
func (t Tables) allShapes() []shape {
	var all []shape
	for _, s := range jsonShapes {
		if s.commands == others {
			for _, commands := range slices.Sorted(maps.Keys(t.Session)) {
				all = append(all, shape{commands, t.Session[commands]})
			}
		}
		all = append(all, s)
	}
	return all
}

// jsonNames returns the names of the fields of a struct in JSON, by their tags.
func jsonNames(v any) []string {
	var names []string
	for f := range reflect.TypeOf(v).Fields() {
		if f.Anonymous && f.IsExported() {
			names = append(names, jsonNames(reflect.Zero(f.Type).Interface())...)
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue // an unexported field: every exported field of a shape has a tag
		}
		names = append(names, name)
	}
	return names
}
