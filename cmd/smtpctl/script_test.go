package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
)

// TestScript runs the scripts in testdata/script. Besides the usual commands
// they have
//
//	smtpd [messages=N] [denied] [version=N] [silent] [due]   start a simulated smtpd;
//		smtpctl finds it through $OPTS
//	smtpd bare ...    start one without the message abcd0001 that others have
//	smtpd on=NAME ... start another one, whose socket is $SOCKET.NAME
//	mail N MSGID NAME=VALUE...   put mails into its queue: see queueMails
//	deliver ID RCPT   put one more envelope into the queue of the simulated smtpd
//	sent TYPE [N]     the simulated smtpd got so many requests of a type
//	status N CMD ...  run a command and check its exit status
//	until RE CMD ...  run a command until its standard error matches, for a minute at most: what
//		smtpctl does only if there is time for it, a busy machine may leave out
//	cmplist A B       compare two files with listings, whatever time has passed between them
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			path, remove, err := smtpdsim.TempSocket()
			if err != nil {
				return err
			}
			e.Defer(remove)
			e.Setenv("OPTS", "--socket="+path)
			e.Setenv("SOCKET", path)
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_STATE_HOME", filepath.Join(e.WorkDir, ".state"))
			e.Values["socket"] = path
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"smtpd": startSim, "sent": checkSent, "status": checkStatus, "spool": makeSpool, "deliver": queueMail, "mail": queueMails,
			"cmplist": compareListings, "until": runUntil,
		},
	})
}

func startSim(ts *testscript.TestScript, neg bool, args []string) {
	cfg := smtpdsim.Config{Seed: 1, Messages: 4, Tables: []string{"aliases"}}
	next, bare, socket := time.Now().Unix()+3600, false, ts.Getenv("SOCKET")
	for _, a := range args {
		name, value, _ := strings.Cut(a, "=")
		n, _ := strconv.Atoi(value)
		switch name {
		case "messages":
			cfg.Messages = n
		case "denied":
			cfg.Denied = true
		case "version":
			cfg.Version = uint32(n)
		case "due":
			next = time.Now().Unix()
		case "spool":
			cfg.Spool = ts.MkAbs(value)
		case "bare":
			cfg.Messages, bare = 0, true
		case "on":
			socket += "." + value
		case "silent":
			cfg.Fault = func(c net.Conn) net.Conn { return mute{c} }
		default:
			ts.Fatalf("smtpd: unknown %q", a)
		}
	}
	sim, err := smtpdsim.Start(socket, cfg)
	ts.Check(err)
	recipients := 3 // of one message
	if bare {
		recipients = 0
	}
	for i := range recipients {
		sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(0xabcd0001<<32 | uint64(i+1)), Time: next, Text: fmt.Sprintf(
			"version: 3\ntype: mta\nsockaddr: local\nsender: a@x.example\nrcpt: r%d@y.example\ndest: r%d@y.example\nctime: 1\n", i, i)})
	}
	sims.Store(socket, sim)
	ts.Defer(sim.Close)
}

// sims holds the simulations, *smtpdsim.Server, by socket.
var sims sync.Map

// mute throws away what is written.
type mute struct{ net.Conn }

func (mute) Write(p []byte) (int, error) { return io.Discard.Write(p) }

func checkSent(ts *testscript.TestScript, neg bool, args []string) {
	want := 0
	if len(args) > 1 {
		want, _ = strconv.Atoi(args[1])
	}
	for t := protocol.Type(1); t < 40; t++ {
		if t.String() == args[0] {
			sim, _ := sims.Load(ts.Getenv("SOCKET"))
			if got := sim.(*smtpdsim.Server).Requests(t); got != want {
				ts.Fatalf("%d requests of %v, want %d", got, t, want)
			}
			return
		}
	}
	ts.Fatalf("unknown type %s", args[0])
}

func checkStatus(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	// The exit status is only in the error's text.
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if err != nil {
		if _, err := fmt.Sscanf(err.Error(), "exit status %d", &got); err != nil {
			ts.Fatalf("%v", err)
		}
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// runUntil runs a command again and again until its standard error matches.
func runUntil(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 || neg {
		ts.Fatalf("usage: until REGEXP COMMAND ARGUMENT...")
	}
	want := regexp.MustCompile(args[0])
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		ts.Check(ts.Exec(args[1], args[2:]...))
		if want.MatchString(ts.ReadFile("stderr")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("its standard error never matched %q", args[0])
		}
	}
}

// untilNext is the field of a listing with the seconds until the next attempt, an hour away when
// the script began.
var untilNext = regexp.MustCompile(`\|pending\|(3600|35\d\d)\|`)

// compareListings is cmp for files with listings: the seconds until the next attempt are fewer in
// the later one.
func compareListings(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 || neg {
		ts.Fatalf("usage: cmplist FILE FILE")
	}
	var text [2]string
	for i, name := range args {
		text[i] = untilNext.ReplaceAllString(ts.ReadFile(name), "|pending|seconds|")
	}
	if text[0] != text[1] {
		ts.Fatalf("%s and %s differ:\n%s\n%s", args[0], args[1], text[0], text[1])
	}
}

// makeSpool writes a queue of three envelopes on disk into a folder.
func makeSpool(ts *testscript.TestScript, neg bool, args []string) {
	dir := filepath.Join(ts.MkAbs(args[0]), "queue", "ab", "abcd0001")
	ts.Check(os.MkdirAll(dir, 0o700))
	names := []string{"abcd000100000003", "abcd000100000001", "abcd000100000002"}
	slices.Sort(names)
	for i, name := range names {
		text := fmt.Sprintf("version: 3\ntype: mta\nsockaddr: local\nsender: a@x.example\nrcpt: r%d@y.example\ndest: r%d@y.example\nctime: 1\n", i, i)
		ts.Check(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	ts.Check(os.WriteFile(filepath.Join(dir, "message"), []byte("Subject: hello\n\nbell\a\n"), 0o600))
}

// queueMail puts an envelope into the queue of the simulated smtpd.
func queueMail(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: deliver ID RCPT")
	}
	id, err := protocol.ParseEnvelopeID(args[0])
	ts.Check(err)
	sim, ok := sims.Load(ts.Getenv("SOCKET"))
	if !ok {
		ts.Fatalf("no smtpd")
	}
	sim.(*smtpdsim.Server).Add(smtpdsim.Envelope{ID: id, Time: time.Now().Unix() + 3600, Text: fmt.Sprintf(
		"version: 3\ntype: mta\nsockaddr: local\nsender: a@x.example\nrcpt: %[1]s\ndest: %[1]s\nctime: 1\n", args[1])})
}
