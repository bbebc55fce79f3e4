package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// The default interval of watch, and its limits.
const (
	watchDefault = 2 * time.Second
	watchMin     = 100 * time.Millisecond
	watchMax     = 24 * time.Hour
)

// runWatch repeats a command until watch is interrupted: on a full screen if standard
// output is a terminal that can be drawn on, otherwise with one output after another.
func runWatch(ctx context.Context, c *command.Call) error {
	var words []string
	for _, a := range c.Args {
		words = append(words, a.Text)
	}
	every, words, err := watchInterval(words)
	if err != nil {
		return err
	}
	inner, err := c.Host.Parse(words, c.Opts.Host)
	if err != nil {
		return err
	}
	if inner == nil {
		return command.Usagef("watch: expected a command")
	}
	if !watchable(inner.Cmd) {
		why := "it does not show something once"
		if inner.Cmd.Changes() {
			why = "it changes something, which is never repeated"
		}
		return command.Usagef("watch: %q: %s: expected a command such as show queue; nothing done", strings.Join(words, " "), why)
	}
	host := inner.Opts.Host
	if inner.Opts = c.Opts; inner.Aimed {
		inner.Opts.Host = host
	}
	inner.Repeated = true
	several, err := c.Repeat(ctx, inner, every)
	if err != nil {
		return err
	}
	if several != nil {
		defer several.End()
		inner.Several = several
	}
	if c.Out.Tty && !command.Dumb(c.Getenv) {
		return watchScreen(ctx, c, inner, every)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for first := true; ; first = false {
		if err := watchLines(ctx, c, inner, first); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// watchable reports whether watch may repeat a command: it must show something, change
// nothing and end by itself.
func watchable(c *command.Command) bool {
	return !c.Changes() && !c.Live && c.Input == command.NoInput && c.Needs != command.NeedsNothing && c.Group != command.GroupSession
}

// watchInterval returns the interval and the words of the watched command. words must
// not be empty; their first one is the interval in seconds if it is a number.
func watchInterval(words []string) (time.Duration, []string, error) {
	secs, ok := watchSeconds(words[0])
	if !ok {
		return watchDefault, words, nil
	}
	if !(secs >= watchMin.Seconds() && secs <= watchMax.Seconds()) {
		return 0, nil, command.Usagef("watch: %q: expected %v to %v seconds", words[0], watchMin.Seconds(), watchMax.Seconds())
	}
	if len(words) == 1 {
		return 0, nil, command.Usagef("watch: expected a command after the seconds")
	}
	return time.Duration(secs * float64(time.Second)), words[1:], nil
}

// watched returns the words of the watched command, given the words after watch.
func watched(words []string) []string {
	if len(words) > 0 {
		if _, ok := watchSeconds(words[0]); ok {
			return words[1:]
		}
	}
	return words
}

// watchSeconds returns the number of seconds that a word stands for, in or out of the
// limits, and false if the word is not a number and so belongs to the watched command.
func watchSeconds(word string) (float64, bool) {
	secs, err := strconv.ParseFloat(word, 64)
	return secs, err == nil || errors.Is(err, strconv.ErrRange)
}

// watchLines runs the command once if there is no screen to draw on, and prints its
// output, after an empty line unless it is the first. An error of the command is printed
// and not returned, because smtpd may answer again the next time.
func watchLines(ctx context.Context, c *command.Call, inner *command.Call, first bool) error {
	var warnings command.Held
	if !first {
		fmt.Fprintln(c.Out)
	}
	var err error
	if c.Out.Tty {
		_, err = c.Host.RunShown(ctx, inner, shown{c.Out})
	} else {
		err = c.Host.RunTo(ctx, inner, c.Out)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if c.Out.Err == nil {
		tellFailures(&warnings, err)
	}
	fmt.Fprint(c.Out, warnings.String())
	return c.Out.Flush()
}

// tellFailures writes a line for the error of the watched command, or for that of each
// machine that has one.
func tellFailures(w io.Writer, err error) {
	if err == nil {
		return
	}
	errs := []error{err}
	if several := (*command.SeveralError)(nil); errors.As(err, &several) {
		errs = several.Errs
	}
	for _, err := range errs {
		fmt.Fprintln(w, "smtpctl: "+render.Bound(err.Error()+command.Advice(err), render.MaxMessage))
	}
}

// A shown is a writer for output that is already safe for a terminal.
type shown struct{ out *command.Output }

func (s shown) Write(p []byte) (int, error) { return s.out.WriteStyled(p) }

// drawScreen replaces the content of the screen by lines, which must be safe for a
// terminal. It overwrites each line and clears only what remains, so that nothing
// flickers.
func drawScreen(c *command.Call, lines []string) error {
	if _, err := c.Out.WriteStyled([]byte("\x1b[H" + strings.Join(lines, "\x1b[K\n") + "\x1b[K\x1b[J")); err != nil {
		return err
	}
	return c.Out.Flush()
}
