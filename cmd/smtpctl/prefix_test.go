package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell"
)

// samples are words for the arguments of commands.
var samples = map[string]string{
	"<selector>": "abcd000100000001", "<scheduled>": "abcd000100000001", "<envelope>": "abcd000100000001", "<query>": "abcd0001", "<id>": "abcd0001",
	"<route>": "1", "<address>": "192.0.2.1", "<domain>": "x.example", "<table>": "aliases", "<password>": "secret",
	"<trace>": "smtp", "<profile>": "queue",
}

// TestSamePrefixes gives every beginning of every word of smtpctl's commands to
// both programs. Both must refuse it, or both ask smtpd for the same.
func TestSamePrefixes(t *testing.T) {
	d := realsmtpd.NotStarted(t)
	tried := map[string]bool{}
	for _, pattern := range shell.Patterns(false) {
		words := strings.Fields(pattern)
		for i, w := range words {
			if s, ok := samples[strings.Replace(w, "...", "", 1)]; ok {
				words[i] = s
				if strings.HasPrefix(pattern, "resume envelope") {
					words[i] = "abcd000100000002" // the suspended one
				}
			} else if w[0] == '<' {
				t.Fatalf("no sample for %s", w)
			}
		}
		for i, full := range words {
			if strings.HasPrefix(strings.Fields(pattern)[i], "<") {
				continue
			}
			for n := 1; n <= len(full); n++ {
				line := append([]string(nil), words...)
				line[i] = full[:n]
				if key := strings.Join(line, " "); !tried[key] {
					tried[key] = true
					compareChoice(t, d, line)
				}
			}
		}
	}
	if len(tried) < 300 {
		t.Errorf("only %d lines tried", len(tried))
	}
}

func compareChoice(t *testing.T, d *realsmtpd.Daemon, words []string) {
	t.Helper()
	d.Limit = 20 * time.Second
	if strings.HasPrefix("monitor", words[0]) {
		d.Limit = 700 * time.Millisecond // it would not end
	}
	if strings.HasPrefix("discover", words[0]) {
		// This program asks only for what is on the disk and good.
		good := plantedQueue()[0]
		good.ID = 0xabcd000100000001
		d.Plant(good)
		defer os.RemoveAll(filepath.Join(d.Spool, "queue", "ab"))
	}
	want := choice(t, d, func() string {
		out, errs, status := d.Smtpctl("", words...)
		if status == 255 && (strings.Contains(errs, "possibilities") || strings.Contains(errs, "invalid command")) {
			return "refused"
		}
		if strings.HasPrefix(out, "$") {
			return "hash"
		}
		return ""
	})
	got := choice(t, d, func() string {
		cmd := exec.Command(program, append([]string{"--socket", d.Socket, "--spool", d.Spool}, words...)...)
		kill := time.AfterFunc(d.Limit, func() { cmd.Process.Signal(os.Interrupt) })
		defer kill.Stop()
		r := runCommand(t, cmd, "")
		if r.status == 2 {
			return "refused"
		}
		if strings.HasPrefix(r.stdout, "$") {
			return "hash"
		}
		return ""
	})
	if got != want {
		t.Errorf("%q: %s, smtpctl %s", strings.Join(words, " "), got, want)
	}
}

// choice says what a program asked smtpd for.
func choice(t *testing.T, d *realsmtpd.Daemon, run func() string) string {
	t.Helper()
	os.Remove(d.Socket)
	sim, err := smtpdsim.Start(d.Socket, smtpdsim.Config{Tables: []string{"aliases"}})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	later := time.Now().Unix() + 3600 // what is due is not sent again
	sim.Add(smtpdsim.Envelope{ID: 0xabcd000100000001, Flags: protocol.FlagPending, Time: later},
		smtpdsim.Envelope{ID: 0xabcd000100000002, Flags: protocol.FlagSuspend, Time: later})
	if result := run(); result != "" {
		return result
	}
	// This program asks for the relays too, to say whether a pause of a source address
	// has an effect.
	blocks := sim.Requests(protocol.TypeBlock)+sim.Requests(protocol.TypeShowBlock) > 0
	var counted, looked, acted []string
	for _, typ := range sim.Types() {
		if blocks && typ == protocol.TypeShowRelays {
			continue
		}
		switch typ {
		case protocol.TypeGetDigest, protocol.TypeGetStats:
			counted = append(counted, typ.String())
		case protocol.TypeListMessages, protocol.TypeListEnvelopes, protocol.TypeShowStatus, protocol.TypeShowRoutes:
			looked = append(looked, typ.String())
		default:
			acted = append(acted, typ.String())
		}
	}
	if len(acted) > 0 {
		return fmt.Sprint(acted)
	}
	if len(looked) > 0 {
		return fmt.Sprint(looked)
	}
	return fmt.Sprint(counted)
}
