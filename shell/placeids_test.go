package shell

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/fulltest"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
	"smtpctl/shell/command"
	"smtpctl/shell/hostname"
)

// hostNames are names of machines of every form that is taken.
var hostNames = []string{"mx1", "admin@mx2.example.com", "2001:db8::1", "beef", "a@fe80::", "192.0.2.1"}

// An idsBed is a session for machines, for each of which a simulated smtpd stands. All have the
// same envelopes: two of each of 40 messages, the messages 0 to 9 suspended.
type idsBed struct {
	*queueTest
	sims map[string]*smtpdsim.Server
}

// bedBorn is when the envelopes of all beds were made, so that the beds print the same.
var bedBorn = time.Now().Unix() - 1

func newIDsBed(t *testing.T, hosts ...string) *idsBed {
	t.Helper()
	b := &idsBed{newQueueTest(t), map[string]*smtpdsim.Server{command.LocalHost: nil}}
	b.sims[command.LocalHost] = b.sim
	sockets := map[string]string{}
	for _, host := range hosts {
		if host == command.LocalHost {
			continue
		}
		sim, _ := simtest.Start(t, smtpdsim.Config{})
		sockets[host] = sim.Path()
		b.sims[host] = sim
	}
	b.s.fleet.Simulate(sockets)
	for _, sim := range b.sims {
		for n := range fulltest.Of(80, 40) {
			e := smtpdsim.Envelope{ID: bedID(n/2, n%2), Time: time.Now().Unix() + 9999, Text: fmt.Sprintf(
				"version: 3\ndispatcher: relay\ntype: mta\nsender: a@x.example\nrcpt: b@y.example\ndest: b@y.example\nctime: %d\n", bedBorn)}
			if n < 20 {
				e.Flags = protocol.FlagSuspend
			}
			sim.Add(e)
		}
	}
	b.s.opts.Host = strings.Join(hosts, ",")
	if b.s.opts.Host == command.LocalHost {
		b.s.opts.Host = ""
	}
	return b
}

// bedID returns the id of an envelope, 0 or 1, of a message.
func bedID(message, envelope int) protocol.EnvelopeID {
	return protocol.EnvelopeID(uint64(0xabc00000+message*0x100)<<32 | uint64(envelope+1))
}

// state returns what can be changed of the envelopes of all machines, by machine and id.
func (b *idsBed) state() map[string]string {
	state := map[string]string{}
	for host, sim := range b.sims {
		for _, e := range sim.Envelopes() {
			changed := e.Time < time.Now().Unix()+5000 // scheduled, for all others are due later
			state[hostname.Qualify(host, e.ID.String())] = fmt.Sprint(e.Flags, changed)
		}
	}
	return state
}

// changed returns the envelopes that were changed since, with their machines.
func (b *idsBed) changed(before map[string]string) (out []string) {
	after := b.state()
	for id, was := range before {
		if after[id] != was && strings.Contains(id, ":abc0") {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// asked returns the machines to which there have been connections.
func (b *idsBed) asked() (out []string) {
	for host, sim := range b.sims {
		if sim.Sessions() > 0 {
			out = append(out, host)
		}
	}
	slices.Sort(out)
	return out
}

// An idCommand is a command of the table that takes an id, with the words before that.
type idCommand struct {
	*command.Command
	words   string
	more    bool // it takes several
	route   bool
	message bool // it takes the id of a message
}

// idCommands are the commands of the table whose last argument can be an id: of which the kind
// takes one.
func idCommands(t *testing.T) (out []idCommand) {
	t.Helper()
	tree := newTree(commandTable())
	for _, c := range commandTable() {
		words := strings.Fields(c.Pattern)
		last := words[len(words)-1]
		for _, k := range allKinds() {
			name, more := strings.CutSuffix(strings.Trim(last, "<>"), "...")
			if last[0] != '<' || k.Name != name {
				continue
			}
			v, err := k.Parse(bedID(1, 1).String())
			_, names := v.(command.Namer)
			_, route := v.(uint64)
			if !route {
				v, _ = k.Parse("5")
				_, route = v.(uint64)
			}
			if !(err == nil && names) && !route {
				continue
			}
			one := idCommand{Command: c, more: more, route: route, words: strings.Join(words[:len(words)-1], " ")}
			if _, err := k.Parse("abc00100"); err == nil {
				one.message = !route
			}
			one.words = strings.ReplaceAll(one.words, "<folder>", "/nonexistent")
			if strings.HasSuffix(c.Pattern, "<grouping...>") {
				one.words += " domain"
			}
			if _, err := tree.Resolve(strings.Fields(one.words + " 12345678")); err != nil && !strings.Contains(c.Pattern, "<envelope>") {
				if _, err := tree.Resolve(strings.Fields(one.words + " 5")); err != nil {
					t.Errorf("%s: %v", one.words, err)
				}
			}
			out = append(out, one)
		}
	}
	if len(out) < 19 {
		t.Errorf("only %d commands take ids", len(out))
	}
	return out
}

// passing are seconds until the next attempt.
var passing = regexp.MustCompile(`\|\d+\|\n`)

// TestIDsCommandsOne gives every command that takes an id one that carries the name of its
// machine, in a session for that machine: it does just what it does with the id alone. An id of
// another machine is refused with what to do instead, and no smtpd is asked.
func TestIDsCommandsOne(t *testing.T) {
	t.Parallel()
	for i, c := range idCommands(t) {
		ids := []string{bedID(1, 0).String(), "ABC00C00", "abc0030", "0000000000000001", "abc0040000000"}
		if c.route {
			ids = []string{"1", "5", "0"}
		}
		for j, host := range []string{command.LocalHost, hostNames[i%len(hostNames)]} {
			if !fulltest.Takes(i+j, 2) {
				continue
			}
			t.Run(c.words+"/"+host, func(t *testing.T) {
				t.Parallel()
				bare, carried := newIDsBed(t, host), newIDsBed(t, host)
				before, bad := bare.state(), map[string]bool{} // ids that the command does not take
				for _, id := range ids {
					if strings.Contains(c.Pattern, "<grouping") && id == "abc0030" || strings.HasPrefix(c.words, "wait") && id == "0000000000000001" {
						bad[id] = true
						continue // alone it would be read as something else
					}
					line := c.words + " " + id
					if strings.HasPrefix(c.words, "wait") {
						line += " for 1s"
					}
					with := strings.Replace(line, id, hostname.Qualify(host, id), 1)
					bout, berrs, bstatus := bare.eval(line)
					bad[id] = bstatus == command.StatusUsage && !strings.Contains(berrs, "run smtpctl on") && !strings.Contains(berrs, "files cannot be read")
					cout, cerrs, cstatus := carried.eval(with)
					plain := func(text string) string {
						text = strings.ReplaceAll(text, bare.s.opts.Spool, "SPOOL")
						text = strings.ReplaceAll(text, carried.s.opts.Spool, "SPOOL")
						text = strings.ReplaceAll(text, bare.s.opts.Socket, "SOCKET")
						text = strings.ReplaceAll(text, carried.s.opts.Socket, "SOCKET")
						text = strings.ReplaceAll(text, fmt.Sprintf("%q: %q after the name of a host", hostname.Qualify(host, id), id), fmt.Sprintf("%q", id))
						text = strings.ReplaceAll(text, hostname.Qualify(host, id), id)
						return passing.ReplaceAllString(text, "|N|")
					}
					if plain(cout) != plain(bout) || plain(cerrs) != plain(berrs) || cstatus != bstatus {
						t.Errorf("%s: %d %s%s\n%s: %d %s%s", line, bstatus, bout, berrs, with, cstatus, cout, cerrs)
					}
				}
				if b, c := bare.changed(before), carried.changed(before); !slices.Equal(b, c) {
					t.Errorf("changed were %q and %q", b, c)
				}
				other := newIDsBed(t, host)
				for _, id := range ids {
					if bad[id] {
						continue
					}
					for _, of := range []string{"mx9", hostNames[(i+1)%len(hostNames)]} {
						out, errs, status := other.eval(c.words + " " + hostname.Qualify(of, id))
						if status != command.StatusUsage || out != "" || !strings.Contains(errs, "an id is of "+of) || !strings.Contains(errs, "on "+of+" ") {
							t.Errorf("%s %s of %s: %d %s%s", c.words, id, of, status, out, errs)
						}
					}
				}
				if asked := other.asked(); len(asked) > 0 {
					t.Errorf("asked were %q", asked)
				}
			})
		}
	}
}
