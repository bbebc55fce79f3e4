package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/spool"
	"smtpctl/shell/selector"
)

// simFlags are the states in which mail of scripts can be.
var simFlags = map[string]protocol.Flags{
	"pending": protocol.FlagPending, "held": protocol.FlagPending | protocol.FlagHold,
	"suspended": protocol.FlagPending | protocol.FlagSuspend, "inflight": protocol.FlagInflight,
}

// queueMails puts mails into the queue of the simulated smtpd:
//
//	mail N MSGID NAME=VALUE...
//
// N messages of one envelope each, whose ids count from that of a message, and where % in
// a value is replaced by the number of a mail, from 0. The names are those of an envelope,
// and from, to, state, age (in the queue), due (until the next try), and subject.
func queueMails(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: mail N MSGID NAME=VALUE...")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	first, err := strconv.ParseUint(args[1], 16, 32)
	ts.Check(err)
	sim, ok := sims.Load(ts.Getenv("SOCKET"))
	if !ok {
		ts.Fatalf("no smtpd")
	}
	for i := range n {
		id := protocol.EnvelopeID((first+uint64(i))<<32 | 1)
		sim.(*smtpdsim.Server).Add(madeMail(ts, id, i, args[2:]))
	}
}

// madeMail makes the mail of a number, and the file of its message where it has a subject.
func madeMail(ts *testscript.TestScript, id protocol.EnvelopeID, i int, fields []string) smtpdsim.Envelope {
	e := smtpdsim.Envelope{ID: id, Flags: protocol.FlagPending}
	now := time.Now()
	age, due := time.Duration(0), time.Hour
	names := []string{"version", "dispatcher", "type", "smtpname", "helo", "hostname", "sockaddr", "sender", "rcpt", "dest"}
	values := map[string]string{"version": "3", "dispatcher": "relay", "type": "mta", "smtpname": "mx.example", "helo": "client.example",
		"hostname": "client.example", "sockaddr": "192.0.2.1", "sender": "a@x.example"}
	for _, f := range fields {
		name, value, ok := strings.Cut(strings.ReplaceAll(f, "%", strconv.Itoa(i)), "=")
		if !ok {
			ts.Fatalf("mail: %q: want NAME=VALUE", f)
		}
		var err error
		switch name {
		case "from":
			values["sender"] = value
		case "to":
			values["rcpt"], values["dest"] = value, value
		case "state":
			if e.Flags, ok = simFlags[value]; !ok {
				ts.Fatalf("mail: unknown state %q", value)
			}
		case "age":
			age, err = selector.Duration(value)
		case "due":
			due, err = selector.Duration(value)
		case "subject":
			writeMessage(ts, id, "Subject: "+value+"\n\nbody\n")
		default:
			if _, ok := values[name]; !ok {
				names = append(names, name)
			}
			values[name] = value
		}
		ts.Check(err)
	}
	for _, name := range names {
		e.Text += name + ": " + values[name] + "\n"
	}
	e.Text += fmt.Sprintf("ctime: %d\n", now.Add(-age).Unix())
	if e.Time = now.Add(due).Unix(); e.Flags&protocol.FlagInflight != 0 {
		e.Time = now.Unix()
	}
	return e
}

// writeMessage writes the file of a message into the folder files, the spool of scripts.
func writeMessage(ts *testscript.TestScript, id protocol.EnvelopeID, text string) {
	path := spool.Open(ts.MkAbs("files")).MessagePath(id.Msg())
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(text), 0o600))
}
