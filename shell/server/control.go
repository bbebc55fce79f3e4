package server

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/report"
)

// acknowledge prints what smtpctl prints for a command that smtpd answers with
// OK or FAIL. For a FAIL, which carries no reason, why finds one.
func acknowledge(ctx context.Context, c *command.Call, conn *protocol.Conn, err error, why func() error) error {
	switch {
	case err == nil:
		c.AuditEnd(nil)
		return printResult(c, true)
	case !errors.Is(err, protocol.ErrRefused):
		return err
	}
	// Whoever is not root is refused everything, this too.
	if _, serr := conn.Status(ctx); serr != nil {
		return serr
	}
	printResult(c, false)
	if reason := why(); reason != nil {
		return fmt.Errorf("%s: %w", command.PathOf(c), reason)
	}
	return fmt.Errorf("%s: %w, it does not say why", command.PathOf(c), protocol.ErrRefused)
}

// A ResultJSON is what a command that has nothing to count did.
type ResultJSON struct {
	Command string `json:"command"`
	OK      bool   `json:"ok"`
	Warning string `json:"warning,omitempty"` // what smtpd's OK does not say
}

// printResult says as smtpctl does whether smtpd did what was asked.
func printResult(c *command.Call, ok bool) error {
	text := "command failed\n"
	if ok {
		text = "command succeeded\n"
	}
	return c.Print(command.Record{JSON: ResultJSON{Command: c.Typed(), OK: ok, Warning: c.Warning}, Text: text})
}

// noReason is for requests whose refusal nothing explains.
func noReason() error { return nil }

// A handler carries out a command.
type handler = func(ctx context.Context, c *command.Call) error

// runPause returns the handler that pauses a subsystem.
func runPause(s protocol.Subsystem) handler { return setPaused(s, true) }

// runResume returns the handler that resumes a subsystem.
func runResume(s protocol.Subsystem) handler { return setPaused(s, false) }

// setPaused returns the handler that pauses or resumes a subsystem. smtpd does not
// say why it refuses: the status tells.
func setPaused(s protocol.Subsystem, pause bool) handler {
	return func(ctx context.Context, c *command.Call) error {
		conn, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		do := conn.Resume
		if pause {
			do = conn.Pause
		}
		if err = do(ctx, s); err == nil {
			back := "pause"
			if pause {
				back = "resume"
			}
			c.Undo.Words = []string{back, strings.ToLower(s.String())}
		}
		return acknowledge(ctx, c, conn, err, func() error {
			st, err := conn.Status(ctx)
			switch {
			case err != nil:
				return err
			case st.Paused(s) && pause:
				return fmt.Errorf("%s is paused already", strings.ToLower(s.String()))
			case !st.Paused(s) && !pause:
				return fmt.Errorf("%s is not paused", strings.ToLower(s.String()))
			}
			return nil
		})
	}
}

// runPauseFrom pauses the mta from an address for a domain.
func runPauseFrom(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	src, domain := c.Args[0].Value.(netip.Addr), c.Text(1)
	b := &report.Block{Source: src.String(), Domain: domain}
	before, berr := blocks(ctx, c, conn)
	if err = conn.Block(ctx, src, domain); err == nil {
		if berr == nil && !slices.ContainsFunc(before, func(o *report.Block) bool { return o.Source == b.Source && o.Domain == b.Domain }) {
			c.Undo.Words = []string{"resume", "mta", "from", b.Source, "for", domain}
		}
		c.Warning = report.BlockWarning(ctx, conn, b)
	}
	err = acknowledge(ctx, c, conn, err, noReason)
	if c.Warning != "" {
		report.WarnIdle(c, b, c.Warning)
	}
	return err
}

// blocks returns what is paused by source and domain, for undo, which must not resume
// what had been paused before.
func blocks(ctx context.Context, c *command.Call, conn *protocol.Conn) ([]*report.Block, error) {
	if !c.Mode.Lines() {
		return nil, nil
	}
	return report.ReadReport[report.Block](ctx, conn, protocol.Blocks)
}

// runResumeFrom takes back what runPauseFrom has paused.
func runResumeFrom(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.Unblock(ctx, c.Args[0].Value.(netip.Addr), c.Text(1))
	if err == nil {
		c.Undo.Words = []string{"pause", "mta", "from", c.Text(0), "for", c.Text(1)}
	}
	return acknowledge(ctx, c, conn, err, noReason)
}

// runResumeRoute enables one route or all. smtpd says OK to any number, so a
// route that is not there is looked for.
func runResumeRoute(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	if len(c.Args) == 0 {
		return acknowledge(ctx, c, conn, resumeRoutes(ctx, conn), noReason)
	}
	id := c.Args[0].Value.(uint64)
	known, err := hasRoute(ctx, conn, id)
	if err != nil {
		return err
	}
	if !known {
		// smtpctl sends it and reports success; the answer is kept for
		// scripts, the truth goes to stderr.
		if err := conn.ResumeRoute(ctx, id); err != nil {
			return acknowledge(ctx, c, conn, err, noReason)
		}
		printResult(c, true)
		return fmt.Errorf("resume route %d: smtpd has no such route: show routes lists them", id)
	}
	return acknowledge(ctx, c, conn, conn.ResumeRoute(ctx, id), noReason)
}

// resumeRoutes enables all routes that are disabled, one after the other.
func resumeRoutes(ctx context.Context, conn *protocol.Conn) error {
	routes, err := report.ReadReport[report.Route](ctx, conn, protocol.Routes)
	if err != nil {
		return err
	}
	for _, r := range routes {
		if r.Disabled {
			if err := conn.ResumeRoute(ctx, r.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

// hasRoute reports whether smtpd knows a route.
func hasRoute(ctx context.Context, conn *protocol.Conn, id uint64) (bool, error) {
	want := fmt.Sprintf("%d.", id)
	for line, err := range conn.Lines(ctx, protocol.Routes) {
		if err != nil {
			return false, err
		}
		if number, _, _ := strings.Cut(line, " "); number == want {
			return true, nil
		}
	}
	return false, nil
}

// runVerbose returns the handler that turns debug logging on or off.
func runVerbose(on bool) handler {
	return func(ctx context.Context, c *command.Call) error {
		conn, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		return acknowledge(ctx, c, conn, conn.Verbose(ctx, on), noReason)
	}
}

// runTrace returns the handler that starts or stops a trace.
func runTrace(on bool) handler {
	return func(ctx context.Context, c *command.Call) error {
		conn, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		return acknowledge(ctx, c, conn, conn.Trace(ctx, c.Args[0].Value.(uint32), on), noReason)
	}
}

// runProfile returns the handler that starts or stops a profile.
func runProfile(on bool) handler {
	return func(ctx context.Context, c *command.Call) error {
		conn, err := c.Conn(ctx)
		if err != nil {
			return err
		}
		return acknowledge(ctx, c, conn, conn.Profile(ctx, c.Args[0].Value.(uint32), on), noReason)
	}
}

func runUpdateTable(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	return acknowledge(ctx, c, conn, conn.UpdateTable(ctx, c.Text(0)), func() error {
		return errors.New("smtpd has no such table, or cannot read it again while it runs")
	})
}
