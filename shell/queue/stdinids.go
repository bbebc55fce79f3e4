package queue

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Limits of - as a selector.
const (
	maxStdinIDs  = 5_000_000
	maxStdinLine = 1 << 20 // bytes
	maxShown     = 80      // bytes of a bad one that a message shows
)

// ReadInput reads the ids from standard input that - stands for among the arguments of a
// call, and puts them in its place: for a command that looks for them more than once.
func ReadInput(c *command.Call) error {
	for i, a := range c.Args {
		if _, ok := a.Value.(stdinArg); !ok {
			continue
		}
		var t target
		if err := readIDs(c, &t); err != nil {
			return err
		}
		slices.Sort(t.evps)
		slices.Sort(t.whole)
		args := slices.Clone(c.Args)
		args[i] = ArgSet(a.Kind, slices.Compact(t.evps), slices.Compact(t.whole))
		c.Args = args
		break
	}
	return nil
}

// readIDs adds the ids from standard input to a target, one a line. A line may also
// be what show queue prints: a line of fields, a row of a table, or a JSON object.
func readIDs(c *command.Call, t *target) error {
	sc := bufio.NewScanner(c.In)
	sc.Buffer(nil, maxStdinLine)
	p := newProgress(context.Background(), c, nil, "ids read")
	defer p.end()
	n := 1
	for ; sc.Scan(); n++ {
		p.step()
		line := sc.Text()
		if n == 1 {
			line = strings.TrimPrefix(line, command.ByteOrderMark)
		}
		word, err := idOfLine(line)
		if err != nil {
			return command.Usagef("standard input:%d: %v; nothing done", n, err)
		}
		if word == "" {
			continue
		}
		v, err := parseID(word)
		id, _ := v.(IDArg)
		switch {
		case err != nil:
			return command.Usagef("standard input:%d: %q: %v; nothing done", n, render.Bound(word, maxShown), err)
		case !id.Whole():
			return command.Usagef("standard input:%d: %q: want 8 or 16 hex digits; nothing done", n, word)
		case len(t.msgs) >= maxStdinIDs:
			return command.Usagef("standard input: more than %d ids; nothing done", maxStdinIDs)
		}
		t.add(id)
	}
	switch err := sc.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return command.Usagef("standard input:%d: the line is longer than %d bytes; nothing done", n, maxStdinLine)
	case err != nil:
		return fmt.Errorf("standard input:%d: %w; nothing done", n, command.FileError(err))
	}
	return nil
}

// idOfLine returns the word of a line that should be an id, or "" if the line is
// blank, a comment or the head of a table. Only the place where show queue prints
// the id counts: what looks like an id in an address or an error is none.
func idOfLine(line string) (string, error) {
	line = strings.TrimSpace(line)
	switch {
	case line == "" || line[0] == '#':
		return "", nil
	case line[0] == '{' || line[0] == '"':
		return idOfJSON(line)
	}
	fields := strings.Fields(line)
	if len(fields) > 1 && fields[0] == "ID" && fields[1] == "AGE" {
		return "", nil
	}
	word, _, _ := strings.Cut(fields[0], "|")
	if word == "" {
		return "", errors.New("want an id at the start of the line")
	}
	return word, nil
}

// idOfJSON returns the id of a JSON object that stands for an envelope or a
// message, or the text of a JSON string.
func idOfJSON(line string) (string, error) {
	var object struct {
		ID string `json:"id"`
	}
	var err error
	if line[0] == '"' {
		err = json.Unmarshal([]byte(line), &object.ID)
	} else {
		err = json.Unmarshal([]byte(line), &object)
	}
	switch {
	case err != nil:
		return "", errors.New("want a whole JSON object on each line, as smtpctl -j show queue prints it")
	case object.ID == "":
		return "", errors.New("the JSON object has no id of an envelope")
	}
	return object.ID, nil
}
