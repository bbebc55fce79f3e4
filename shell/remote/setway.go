package remote

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// wayTools are the programs of ways by the words of ParseWay.
func wayTools() map[string]string {
	return map[string]string{"nc": "nc", "socat": "socat", "stdio": "smtpctl"}
}

// ParseWay checks how the socket of smtpd is to be reached, and returns it as Options.Way
// takes it: "" for auto.
func ParseWay(text string) (string, error) {
	if text == "auto" {
		return "", nil
	}
	_, tool := cutWay(text)
	if text != "forward" && wayTools()[tool] == "" {
		return "", errors.New("expected auto, forward, nc, socat or stdio, or one of the last three after sudo- or doas-, such as sudo-nc")
	}
	return text, nil
}

// cutWay returns what makes the user root in a way, "" for nothing, and the tool.
func cutWay(text string) (as, tool string) {
	for _, as := range []string{"sudo", "doas"} {
		if tool, ok := strings.CutPrefix(text, as+"-"); ok {
			return as, tool
		}
	}
	return "", text
}

// setWay returns the way that is set. It fails if a program is missing there.
func (f *Facts) setWay(socket string, o Options) (*way, error) {
	if o.Way == "forward" {
		return &way{name: "forwarding"}, nil
	}
	as, tool := cutWay(o.Way)
	for _, program := range []string{as, wayTools()[tool]} {
		if program != "" && !f.Tools[program] {
			return nil, &setWayError{o, fmt.Errorf("%w: there is no %s there", ErrUnreachable, program)}
		}
	}
	if as != "" {
		as += " -n "
	}
	return toolWay(as, wayTools()[tool], socket), nil
}

// toolWay returns the way by a program, which is started after the words of as.
func toolWay(as, tool, socket string) *way {
	i := slices.IndexFunc(copiers, func(c copier) bool { return c.tool == tool })
	return &way{name: as + tool, as: as, program: as + fmt.Sprintf(copiers[i].words, socket)}
}

// A setWayError means that the way that is set does not lead to smtpd.
type setWayError struct {
	o   Options
	err error
}

func (e *setWayError) Error() string {
	return fmt.Sprintf("way=%s, which %s sets, does not work: %v", e.o.Way, e.o.WaySet, e.err)
}

// Unwrap returns the cause.
func (e *setWayError) Unwrap() error { return e.err }

// Advice returns what the user can do, as the end of the line of the error.
func (e *setWayError) Advice() string {
	return "; make that work on the machine, or set another way, or way=auto: no other is tried"
}
