package shell

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"smtpctl/shell/bounce"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/handover"
	"smtpctl/shell/hold"
	"smtpctl/shell/inspect"
	"smtpctl/shell/journal"
	"smtpctl/shell/maillog"
	"smtpctl/shell/queue"
	"smtpctl/shell/render"
	"smtpctl/shell/report"
	"smtpctl/shell/restore"
	"smtpctl/shell/selector"
	"smtpctl/shell/server"
	"smtpctl/shell/tools"
)

var update = flag.Bool("update", false, "write the man page and the tables of the README anew")

// Files that are made from the command table.
const (
	manualSource = "testdata/smtpctl.8.in"
	manualFile   = "../cmd/smtpctl/smtpctl.8"
	readmeFile   = "../README.md"
)

// jsonShapes are what is printed as JSON, by the commands that print it.
var jsonShapes = []struct {
	commands string
	shape    any
}{
	{"show queue, show envelope", render.EnvelopeJSON{}}, {"show queue --follow", queue.FollowJSON{}}, {"show queue by", queue.GroupJSON{}}, {"show message", inspect.MessageJSON{}},
	{"explain", inspect.Verdict{}}, {"explain of many", inspect.VerdictGroup{}}, {"after, of schedule", queue.AfterJSON{}}, {"schedule with batch= or rate=", queue.PaceJSON{}}, {"discover, hold, pause envelope, release, remove, resume envelope, schedule", queue.TallyJSON{}},
	{"show log", maillog.Event{}}, {"show holds", hold.HoldJSON{}}, {"show journal", journal.Entry{}}, {"show journal FOLDER", journal.Batch{}}, {"bounce, requeue", handover.ResultJSON{}}, {"bounce --dry-run, notify", bounce.NoticeJSON{}}, {"restore", restore.TallyJSON{}}, {"other commands that change something", server.ResultJSON{}}, {"show status", server.StatusJSON{}}, {"show stats", server.StatJSON{}}, {"show spool", inspect.SpoolJSON{}},
	{"show routes", report.Route{}}, {"show hosts", report.Host{}}, {"show relays", report.Relay{}}, {"show hoststats", report.HostStat{}},
	{"show mta paused", report.Block{}}, {"monitor", server.DigestJSON{}}, {"encrypt", tools.HashJSON{}}, {"encrypt --verify", tools.VerifiedJSON{}},
	{"spf walk", tools.NetworkJSON{}},
}

// jsonNames returns the names that a struct has in JSON.
func jsonNames(v any) []string {
	var names []string
	for f := range reflect.TypeOf(v).Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			continue // not in JSON
		}
		names = append(names, name)
	}
	return names
}

// sentence is where a sentence ends and another begins.
var sentence = regexp.MustCompile(`([.!?]) +([A-Z])`)

// prose makes text lines of mdoc.
func prose(text string) string {
	var out []string
	for _, line := range strings.Split(sentence.ReplaceAllString(strings.ReplaceAll(text, "\n", " "), "$1\n$2"), "\n") {
		length := 0
		var words []string
		for _, w := range strings.Fields(line) {
			if length+len(w) > 76 {
				out = append(out, strings.Join(words, " "))
				words, length = nil, 0
			}
			words = append(words, w)
			length += len(w) + 1
		}
		out = append(out, strings.Join(words, " "))
	}
	for i, line := range out {
		line = roff(line)
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = `\&` + line
		}
		out[i] = line
	}
	return strings.Join(out, "\n")
}

// roff escapes what roff would take for its own.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "~", `\(ti`, "^", `\(ha`, "`", `\(ga`, "--", `\-\-`).Replace(text)
}

// capital makes a sentence of a summary. One that begins with a command keeps it.
func capital(text string) string {
	for _, f := range cmdline.CommandFlags {
		if strings.HasPrefix(text, f.Command+": ") {
			return text + "."
		}
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}

// pattern makes arguments of .It of a command's pattern.
func pattern(p string) string {
	out, mode := "", ""
	for _, w := range strings.Fields(p) {
		next := "Cm"
		if strings.HasPrefix(w, "<") {
			next = "Ar"
			w = strings.Trim(w, "<>")
			if name, ok := strings.CutSuffix(w, "..."); ok {
				w = name + " ..."
			}
		}
		if next != mode {
			out += " " + next
			mode = next
		}
		out += " " + w
	}
	return out
}

func manualCommands() string {
	var b strings.Builder
	for _, g := range command.Groups {
		fmt.Fprintf(&b, ".Ss %s\n.Bl -tag -width Ds\n", g)
		for _, c := range commandTable() {
			if c.Group != g || c.Hidden() {
				continue
			}
			fmt.Fprintf(&b, ".It%s\n%s\n", pattern(c.Pattern), prose(capital(c.Summary)))
			if c.Help != "" {
				fmt.Fprintln(&b, prose(strings.TrimSuffix(c.Help, ".")+"."))
			}
		}
		b.WriteString(".El\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func manualOptions() string {
	var b strings.Builder
	for _, f := range allFlags() {
		value, doc := flagDoc(f)
		name := "Fl -" + f.Name
		if f.Shorthand != "" {
			name = "Fl " + f.Shorthand + " , -" + f.Name
		}
		if inner, ok := strings.CutPrefix(value, "[="); ok {
			name += " Ns Op = Ns Ar " + strings.TrimSuffix(inner, "]")
		} else if value != "" {
			name += " Ar " + value
		}
		fmt.Fprintf(&b, ".It %s\n%s\n", name, prose(capital(doc)))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func manualArguments() string {
	var b strings.Builder
	for _, k := range allKinds() {
		if k.Name == "line" {
			continue
		}
		fmt.Fprintf(&b, ".It Ar %s\n%s\n", k.Name, prose(k.Doc+"."))
		if len(k.Words) == 0 || k.Name == "shell" {
			continue
		}
		b.WriteString(".Bl -tag -width Ds -compact\n")
		for _, w := range k.Words {
			fmt.Fprintf(&b, ".It Cm %s\n%s\n", w.Word, prose(w.Summary+"."))
		}
		b.WriteString(".El\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func manualTerms() string {
	var b strings.Builder
	for _, k := range selector.Terms() {
		fmt.Fprintf(&b, ".It Cm %s Ns %s Ns Ar %s\n%s\n", k.Key(), roff(k.Ops()[:1]), roff(strings.ReplaceAll(k.Want, ",", " ,")), prose(k.Doc+"."))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func manualJSON() string {
	var b strings.Builder
	for _, s := range jsonShapes {
		fmt.Fprintf(&b, ".It %s\n%s\n", s.commands, prose(strings.Join(jsonNames(s.shape), ", ")+"."))
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// manual returns the man page.
func manual(t *testing.T) string {
	text, err := os.ReadFile(manualSource)
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("@options@", manualOptions(), "@commands@", manualCommands(), "@terms@", manualTerms(), "@arguments@", manualArguments(),
		"@json@", manualJSON(), "@verdicts@", prose(strings.Join(verdictNames(t), ", ")+".")).Replace(string(text))
}

// verdictNames returns the verdicts of explain, out of its source.
func verdictNames(t *testing.T) []string {
	source, err := os.ReadFile("inspect/explain.go")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range regexp.MustCompile(`\tverdict\w+ += "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, m[1])
	}
	return names
}

// environment returns the variables that the program looks at.
func environment(t *testing.T) []string {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	more, _ := filepath.Glob("*/*.go")
	var names []string
	for _, file := range append(files, more...) {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\b[eE]nv\("([A-Z_]+)"\)`).FindAllStringSubmatch(string(source), -1) {
			names = append(names, m[1])
		}
	}
	if len(names) < 5 {
		t.Errorf("found only %q", names)
	}
	return names
}

// TestManual compares the man page with the command table.
func TestManual(t *testing.T) {
	want := manual(t)
	if *update {
		if err := os.WriteFile(manualFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := os.ReadFile(manualFile)
	if string(got) != want {
		t.Errorf("%s is stale: run just docs", manualFile)
	}
	for _, name := range environment(t) {
		if !strings.Contains(want, name) {
			t.Errorf("the man page does not say what %s does", name)
		}
	}
	if lint, err := exec.LookPath("mandoc"); err == nil {
		out, _ := exec.Command(lint, "-Tlint", "-Wstyle", manualFile).CombinedOutput()
		for line := range strings.Lines(string(out)) {
			// Which other pages there are depends on the system.
			if !strings.Contains(line, "outdated mandoc.db") && !strings.Contains(line, "referenced manual not found") {
				t.Error(line)
			}
		}
	}
}

// TestCommandFlags compares what flags say of the command that they belong to with
// what the program makes of it.
func TestCommandFlags(t *testing.T) {
	for _, f := range allFlags() {
		program, _, said := strings.Cut(f.Usage, ": ")
		i := slices.IndexFunc(cmdline.CommandFlags, func(c cmdline.CommandFlag) bool { return c.Name == f.Name })
		if i >= 0 && (!said || program != cmdline.CommandFlags[i].Command) {
			t.Errorf("--%s does not say that it belongs to %s", f.Name, cmdline.CommandFlags[i].Command)
		}
	}
}

// readmeTables are the generated parts of the README, by name.
func readmeTables() map[string]string {
	var commands, terms strings.Builder
	commands.WriteString("| command | what it does |\n|---|---|\n")
	for _, c := range commandTable() {
		if c.Own() && !c.Hidden() {
			fmt.Fprintf(&commands, "| `%s` | %s |\n", c.Pattern, cell(c.Summary))
		}
	}
	terms.WriteString("| term | selects by |\n|---|---|\n")
	for _, k := range selector.Terms() {
		ops := "`" + strings.ReplaceAll(k.Ops(), " ", "` `") + "`"
		fmt.Fprintf(&terms, "| `%s` %s | %s: %s |\n", k.Key(), ops, cell(k.Want), cell(k.Doc))
	}
	return map[string]string{"commands": commands.String(), "terms": terms.String()}
}

// cell escapes text for a table of Markdown.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;").Replace(text)
}

// TestReadmeTables compares the tables of the README with the command table, and
// looks for options that there are not.
func TestReadmeTables(t *testing.T) {
	text, err := os.ReadFile(readmeFile)
	if err != nil {
		t.Fatal(err)
	}
	want := string(text)
	for name, table := range readmeTables() {
		begin, end := "<!-- "+name+": just docs -->\n", "<!-- end of "+name+" -->"
		i, j := strings.Index(want, begin), strings.Index(want, end)
		if i < 0 || j < i {
			t.Fatalf("the README has no place for %s", name)
		}
		want = want[:i+len(begin)] + table + want[j:]
	}
	if *update {
		if err := os.WriteFile(readmeFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(text) {
		t.Error("the tables of the README are stale: run just docs")
	}
	var known []string
	for _, f := range allFlags() {
		known = append(known, "--"+f.Name)
	}
	for _, m := range regexp.MustCompile("smtpctl[^`\n]*?(--[a-z][a-z-]*)").FindAllStringSubmatch(want, -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("the README has %s, which is no option", m[1])
		}
	}
}
