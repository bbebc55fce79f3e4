package queue

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/hostname"
	"smtpctl/shell/render"
)

// Limits for ids on standard input.
const (
	maxStdinIDs  = 5_000_000
	maxStdinLine = 1 << 20 // bytes
	maxShown     = 80      // bytes of a bad one that a message shows
)

// ReadInput replaces - among the arguments of a call by the ids from standard input,
// for a command that needs them more than once.
func ReadInput(c *command.Call) error {
	return replaceInput(c, func() (any, error) {
		var t target
		err := readIDs(c, &t)
		return t.set(), err
	})
}

// ReadInputOf is ReadInput for a call for several machines: each id carries the name of one of
// them.
func ReadInputOf(c *command.Call, hosts []string) error {
	return replaceInput(c, func() (any, error) {
		of := make(map[string]*target, len(hosts))
		for _, host := range hosts {
			of[host] = &target{}
		}
		err := eachInputID(c, func(host string, id IDArg) error {
			t := of[host]
			switch {
			case host == "":
				return fmt.Errorf("%q: expected the machine before the id, such as %s", id.Text, hostname.Qualify(hosts[0], id.Text))
			case t == nil:
				return fmt.Errorf("%q: this command is not for %s: name that machine too, or leave its ids out", hostname.Qualify(host, id.Text), host)
			}
			t.add(id)
			return nil
		})
		sets := command.PerHost{}
		for host, t := range of {
			if len(t.msgs) > 0 {
				sets[host] = t.set()
			}
		}
		return sets, err
	})
}

// replaceInput puts what read returns in the place of - among the arguments of a call.
func replaceInput(c *command.Call, read func() (any, error)) error {
	for i, a := range c.Args {
		if _, ok := a.Value.(stdinArg); !ok {
			continue
		}
		v, err := read()
		if err != nil {
			return err
		}
		c.Args = slices.Clone(c.Args)
		c.Args[i].Value = v
		break
	}
	return nil
}

// set returns the ids of a target.
func (t *target) set() *idSet {
	slices.Sort(t.evps)
	slices.Sort(t.whole)
	return &idSet{evps: slices.Compact(t.evps), msgs: slices.Compact(t.whole)}
}

// readIDs adds the ids from standard input to a target. They may carry the name of the machine
// that the call is for.
func readIDs(c *command.Call, t *target) error {
	return eachInputID(c, func(host string, id IDArg) error {
		if host != "" && host != c.Server() {
			return fmt.Errorf("%q: this command is for %s alone: name %s too, or leave its ids out", hostname.Qualify(host, id.Text), c.Server(), host)
		}
		t.add(id)
		return nil
	})
}

// eachInputID calls f with the ids from standard input, one for each line, and with the names
// of the machines that they carry. A line may also be one that show queue prints: a line of
// fields, a row of a table, or a JSON object. Of a bad line the error says which one it is.
func eachInputID(c *command.Call, f func(host string, id IDArg) error) error {
	sc := bufio.NewScanner(c.In)
	sc.Buffer(nil, maxStdinLine+1) // a Scanner needs room for the newline
	if command.IsTerminal(c.In) {
		defer c.HoldConsole()() // somebody types them
	}
	p := c.Progress("ids read:", 0)
	defer p.End()
	var r lineReader
	n := 1
	for ids := 0; sc.Scan(); n++ {
		p.Step()
		line := sc.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, command.ByteOrderMark)
		}
		host, word, err := r.idOf(line)
		if err != nil {
			return command.Usagef("standard input:%d: %v; nothing done", n, err)
		}
		if word == "" {
			continue
		}
		v, err := parseDigits(word)
		id, _ := v.(IDArg)
		switch {
		case err != nil:
			return command.Usagef("standard input:%d: %q: %v; nothing done", n, render.Bound(word, maxShown), err)
		case !id.Whole():
			return command.Usagef("standard input:%d: %q: expected 8 or 16 hex digits; nothing done", n, word)
		case ids >= maxStdinIDs:
			return command.Usagef("standard input: more than %d ids; nothing done", maxStdinIDs)
		}
		ids++
		if err := f(host, id); err != nil {
			return command.Usagef("standard input:%d: %w; nothing done", n, err)
		}
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return command.Usagef("standard input:%d: the line is longer than %d bytes; nothing done", n, maxStdinLine)
	case err != nil:
		return fmt.Errorf("standard input:%d: %w; nothing done", n, command.FileError(err))
	}
	return nil
}

// A lineReader finds the ids in lines that show queue prints.
type lineReader struct {
	served bool // the rows begin with the name of a machine, as the head of the table has said
}

// idOf returns the word of a line that should be an id, or "" if the line is blank, a comment
// or the head of a table, and the name of the machine that it carries, if any. Only the place
// where show queue prints the id counts: an id in an address or an error is ignored.
func (r *lineReader) idOf(line string) (host, word string, err error) {
	line = strings.TrimSpace(line)
	switch {
	case line == "" || line[0] == '#':
		return "", "", nil
	case line[0] == '{' || line[0] == '"':
		return idOfJSON(line)
	}
	fields := strings.Fields(line)
	if len(fields) > 2 && fields[0] == "SERVER" && fields[1] == "ID" && fields[2] == "AGE" {
		r.served = true
		return "", "", nil
	}
	if len(fields) > 1 && fields[0] == "ID" && fields[1] == "AGE" {
		r.served = false
		return "", "", nil
	}
	word, _, _ = strings.Cut(fields[0], "|")
	if r.served && len(fields) > 1 {
		word = hostname.Qualify(fields[0], fields[1])
	}
	if word == "" {
		return "", "", errors.New("expected an id at the start of the line")
	}
	return cutID(word)
}

// cutID splits an id from the name of its machine.
func cutID(word string) (host, id string, err error) {
	host, id, _, err = hostname.Cut(word)
	if err != nil {
		return "", "", fmt.Errorf("%q: expected an id, or the name of a machine, a colon and an id", render.Bound(word, maxShown))
	}
	if id == "" {
		return "", "", fmt.Errorf("%q: expected an id after the colon", render.Bound(word, maxShown))
	}
	return host, id, nil
}

// idOfJSON returns the id of a JSON object for an envelope or a message, and its machine, or
// those in the text of a JSON string.
func idOfJSON(line string) (host, id string, err error) {
	var object struct {
		Server string `json:"server"`
		ID     string `json:"id"`
	}
	text := line[0] == '"'
	if text {
		err = json.Unmarshal([]byte(line), &object.ID)
	} else {
		err = json.Unmarshal([]byte(line), &object)
	}
	switch {
	case err != nil:
		return "", "", errors.New("expected a whole JSON object on each line, as smtpctl -j show queue prints it")
	case object.ID == "":
		return "", "", errors.New("the JSON object has no id of an envelope")
	case text:
		return cutID(object.ID)
	}
	if _, err := hostname.Parse(object.Server); object.Server != "" && err != nil {
		return "", "", fmt.Errorf("the field server: %q: %w", render.Bound(object.Server, maxShown), err)
	}
	return object.Server, object.ID, nil
}
