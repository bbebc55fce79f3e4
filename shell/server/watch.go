package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
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
	tick := time.NewTicker(every)
	defer tick.Stop()
	for first := true; ; first = false {
		if err := watchOnce(ctx, c, inner, every, first); err != nil {
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

// watchOnce runs the command and shows as much of its output as fits. Errors
// are shown too, since smtpd may come back.
func watchOnce(ctx context.Context, c *command.Call, inner *command.Call, every time.Duration, first bool) error {
	var b bytes.Buffer
	var warnings command.Held
	onScreen := c.Out.Tty && !command.Dumb(c.Getenv)
	if onScreen {
		// The screen would cover what is written to the terminal beside it.
		inner.Err = &warnings
		if !command.IsTerminal(c.Err) {
			inner.Err = io.MultiWriter(c.Err, &warnings)
		}
	}
	err := c.Host.RunTo(ctx, inner, &b)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		fmt.Fprintln(&warnings, "smtpctl: "+render.Bound(err.Error()+command.Advice(err), render.MaxMessage))
	}
	if !onScreen {
		fmt.Fprint(&b, warnings.String())
		if !first {
			fmt.Fprintln(c.Out)
		}
		c.Out.Write(b.Bytes())
		return c.Out.Flush()
	}
	head := fmt.Sprintf("every %v: %s, at %s, Ctrl-C ends", every, strings.Join(inner.Path, " "), time.Now().Format("15:04:05"))
	// Before the results, of which the end may not fit on the screen.
	text := head + "\n\n" + warnings.String() + b.String()
	if cols, rows := c.Screen(); rows > 0 && cols > 0 {
		text = fit(text, rows, cols)
	}
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = render.Safe(lines[i])
	}
	return drawScreen(c, lines)
}

// drawScreen shows lines, which are safe, in place of what is on the screen: home,
// each line cleared to its end, then the rest of the screen cleared, so that
// nothing flickers.
func drawScreen(c *command.Call, lines []string) error {
	if _, err := c.Out.WriteStyled([]byte("\x1b[H" + strings.Join(lines, "\x1b[K\n") + "\x1b[K\x1b[J")); err != nil {
		return err
	}
	return c.Out.Flush()
}

// fit cuts a text to a screen.
func fit(text string, rows, cols int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(lines) >= rows {
		left := len(lines) - rows + 2
		lines = append(lines[:max(rows-2, 0)], fmt.Sprintf("(%d more lines)", left))
	}
	for i, line := range lines {
		lines[i] = render.Cut(render.Safe(line), cols)
	}
	return strings.Join(lines, "\n")
}
