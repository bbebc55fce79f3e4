package server

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// Limits of watch, in seconds.
const (
	watchDefault = 2 * time.Second
	watchMin     = 100 * time.Millisecond
	watchMax     = 24 * time.Hour
)

// runWatch runs a command again and again until it is interrupted, each time on
// a clean screen.
func runWatch(ctx context.Context, c *command.Call) error {
	var words []string
	for _, a := range c.Args {
		words = append(words, a.Text)
	}
	every, words, err := watchInterval(words)
	if err != nil {
		return err
	}
	inner, err := c.Host.Parse(words)
	if err != nil {
		return err
	}
	if inner == nil {
		return command.Usagef("watch: want a command")
	}
	if !watchable(inner.Cmd) {
		return command.Usagef("watch: %q is no command that shows something once", inner.Cmd.Pattern)
	}
	inner.Opts = c.Opts
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

// watchable reports whether a command shows something once, so that it can be watched.
func watchable(c *command.Command) bool {
	return !c.Changes() && !c.Live && c.Input == command.NoInput && c.Needs != command.NeedsNothing && c.Group != command.GroupSession
}

// watchInterval takes the seconds off the words, if they begin with a number.
func watchInterval(words []string) (time.Duration, []string, error) {
	secs, err := strconv.ParseFloat(words[0], 64)
	if err != nil {
		return watchDefault, words, nil
	}
	every := time.Duration(secs * float64(time.Second))
	if !(secs > 0) || every < watchMin || every > watchMax {
		return 0, nil, command.Usagef("watch: %q: want %v to %v seconds", words[0], watchMin.Seconds(), watchMax.Seconds())
	}
	if len(words) == 1 {
		return 0, nil, command.Usagef("watch: want a command after the seconds")
	}
	return every, words[1:], nil
}

// watched returns the words of the command that watch runs.
func watched(words []string) []string {
	if len(words) > 0 && strings.Trim(words[0], "0123456789.") == "" {
		return words[1:]
	}
	return words
}

// watchLines runs the command where there is no screen to draw on, and prints its output
// after an empty line. Errors are printed too, since smtpd may come back.
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
	if err != nil && c.Out.Err == nil {
		fmt.Fprintln(&warnings, "smtpctl: "+render.Bound(err.Error()+command.Advice(err), render.MaxMessage))
	}
	fmt.Fprint(c.Out, warnings.String())
	return c.Out.Flush()
}

// shown passes on what is safe for a terminal already.
type shown struct{ out *command.Output }

func (s shown) Write(p []byte) (int, error) { return s.out.WriteStyled(p) }

// drawScreen shows lines, which are safe, in place of what is on the screen: home,
// each line cleared to its end, then the rest of the screen cleared, so that
// nothing flickers.
func drawScreen(c *command.Call, lines []string) error {
	if _, err := c.Out.WriteStyled([]byte("\x1b[H" + strings.Join(lines, "\x1b[K\n") + "\x1b[K\x1b[J")); err != nil {
		return err
	}
	return c.Out.Flush()
}
