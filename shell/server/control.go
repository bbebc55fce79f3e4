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

// What tells whether smtpd has carried out a request that it has not answered.
const (
	statusTells = "show status tells"
	blocksTell  = "show mta paused tells"
	routesTell  = "show routes tells"
	nothingSays = "give the command again, which does no harm"
)

// acknowledge prints the text of OpenSMTPD's smtpctl for a command that smtpd answers
// with OK or FAIL. A FAIL carries no reason; why finds one.
func acknowledge(ctx context.Context, c *command.Call, conn *protocol.Conn, err error, why func() error) error {
	switch {
	case err == nil:
		c.AuditEnd(nil)
		return printResult(c, true)
	case !errors.Is(err, protocol.ErrRefused):
		return err
	}
	// smtpd refuses every request of a user who is not root, also this one.
	if _, serr := conn.Status(ctx); serr != nil {
		return serr
	}
	printResult(c, false)
	if reason := why(); reason != nil {
		return fmt.Errorf("%s: %w", command.PathOf(c), reason)
	}
	return fmt.Errorf("%s: %w: smtpd gives no reason, but its log may", command.PathOf(c), protocol.ErrRefused)
}

// A ResultJSON is the result of a command that smtpd answers with OK or FAIL.
type ResultJSON struct {
	Command string `json:"command"`
	OK      bool   `json:"ok"`
	Warning string `json:"warning,omitempty"` // why an accepted request may have no effect
}

// printResult prints, as OpenSMTPD's smtpctl does, whether smtpd accepted a request.
func printResult(c *command.Call, ok bool) error {
	text := "command failed\n"
	if ok {
		text = "command succeeded\n"
	}
	return c.Print(command.Record{JSON: ResultJSON{Command: c.Typed(), OK: ok, Warning: c.Warning}, Text: text})
}

// noReason is the reason function for requests whose refusal nothing explains.
func noReason() error { return nil }

// Handlers are functions and not values that a function makes: the table of commands is in the
// program then, and nothing of it is made at each start. See "What a start costs" in
// CONTRIBUTING.md.

func runPauseMDA(ctx context.Context, c *command.Call) error {
	return setPaused(ctx, c, protocol.MDA, true)
}
func runPauseMTA(ctx context.Context, c *command.Call) error {
	return setPaused(ctx, c, protocol.MTA, true)
}
func runPauseSMTP(ctx context.Context, c *command.Call) error {
	return setPaused(ctx, c, protocol.SMTP, true)
}

func runResumeMDA(ctx context.Context, c *command.Call) error {
	return setPaused(ctx, c, protocol.MDA, false)
}
func runResumeMTA(ctx context.Context, c *command.Call) error {
	return setPaused(ctx, c, protocol.MTA, false)
}
func runResumeSMTP(ctx context.Context, c *command.Call) error {
	return setPaused(ctx, c, protocol.SMTP, false)
}

// setPaused pauses or resumes a subsystem. smtpd gives no reason for a refusal, but its status
// does.
func setPaused(ctx context.Context, c *command.Call, s protocol.Subsystem, pause bool) error {
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
	return acknowledge(ctx, c, conn, command.Unsure(err, statusTells), func() error {
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

// runPauseFrom pauses the mta from an address for a domain.
func runPauseFrom(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	src, domain := c.Args[0].Value.(netip.Addr), c.Text(1)
	b := &report.Block{Source: src.String(), Domain: domain}
	before, berr := blocks(ctx, c, conn)
	if err = conn.PauseMTAFor(ctx, src, domain); err == nil {
		if berr == nil && !slices.ContainsFunc(before, func(o *report.Block) bool { return o.Source == b.Source && o.Domain == b.Domain }) {
			c.Undo.Words = []string{"resume", "mta", "from", b.Source, "for", domain}
		}
		c.Warning = report.BlockWarning(ctx, conn, b)
	}
	err = acknowledge(ctx, c, conn, command.Unsure(err, blocksTell), noReason)
	if c.Warning != "" {
		report.WarnIdle(c, b, c.Warning)
	}
	return err
}

// blocks returns the paused pairs of source and domain. undo must not resume pairs that
// had been paused before.
func blocks(ctx context.Context, c *command.Call, conn *protocol.Conn) ([]*report.Block, error) {
	if !c.Mode.Lines() {
		return nil, nil
	}
	return report.ReadReport[report.Block](ctx, conn, protocol.PausedRoutes)
}

// runResumeFrom takes back what runPauseFrom has paused.
func runResumeFrom(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	err = conn.ResumeMTAFor(ctx, c.Args[0].Value.(netip.Addr), c.Text(1))
	if err == nil {
		c.Undo.Words = []string{"pause", "mta", "from", c.Text(0), "for", c.Text(1)}
	}
	return acknowledge(ctx, c, conn, command.Unsure(err, blocksTell), noReason)
}

// runResumeRoute enables one route or all. smtpd answers OK for any number, so the
// route is looked up first.
func runResumeRoute(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	if len(c.Args) == 0 {
		return acknowledge(ctx, c, conn, command.Unsure(resumeRoutes(ctx, conn), routesTell), noReason)
	}
	id := c.Args[0].Value.(uint64)
	known, err := hasRoute(ctx, conn, id)
	if err != nil {
		return err
	}
	if !known {
		// OpenSMTPD's smtpctl sends the request and reports success. Standard output
		// stays the same for scripts, and standard error tells the truth.
		if err := conn.ResumeRoute(ctx, id); err != nil {
			return acknowledge(ctx, c, conn, command.Unsure(err, routesTell), noReason)
		}
		printResult(c, true)
		return fmt.Errorf("resume route %d: smtpd has no such route: show routes lists them", id)
	}
	return acknowledge(ctx, c, conn, command.Unsure(conn.ResumeRoute(ctx, id), routesTell), noReason)
}

// resumeRoutes enables all disabled routes, one after another, up to the first error.
func resumeRoutes(ctx context.Context, conn *protocol.Conn) error {
	routes, err := report.ReadReport[report.Route](ctx, conn, protocol.Routes)
	if err != nil {
		return err
	}
	routes = slices.DeleteFunc(routes, func(r *report.Route) bool { return !r.Disabled })
	for i, r := range routes {
		if err := conn.ResumeRoute(ctx, r.ID); err != nil {
			return fmt.Errorf("%d of %d disabled routes enabled: %w", i, len(routes), err)
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

func runLogVerbose(ctx context.Context, c *command.Call) error { return setVerbose(ctx, c, true) }
func runLogBrief(ctx context.Context, c *command.Call) error   { return setVerbose(ctx, c, false) }

// setVerbose turns debug logging on or off.
func setVerbose(ctx context.Context, c *command.Call, on bool) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	return acknowledge(ctx, c, conn, command.Unsure(conn.Verbose(ctx, on), nothingSays), noReason)
}

func runTrace(ctx context.Context, c *command.Call) error   { return setTrace(ctx, c, true) }
func runUntrace(ctx context.Context, c *command.Call) error { return setTrace(ctx, c, false) }

// setTrace starts or stops a trace.
func setTrace(ctx context.Context, c *command.Call, on bool) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	return acknowledge(ctx, c, conn, command.Unsure(conn.Trace(ctx, c.Args[0].Value.(uint32), on), nothingSays), noReason)
}

func runProfile(ctx context.Context, c *command.Call) error   { return setProfile(ctx, c, true) }
func runUnprofile(ctx context.Context, c *command.Call) error { return setProfile(ctx, c, false) }

// setProfile starts or stops a profile.
func setProfile(ctx context.Context, c *command.Call, on bool) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	return acknowledge(ctx, c, conn, command.Unsure(conn.Profile(ctx, c.Args[0].Value.(uint32), on), nothingSays), noReason)
}

func runUpdateTable(ctx context.Context, c *command.Call) error {
	conn, err := c.Conn(ctx)
	if err != nil {
		return err
	}
	return acknowledge(ctx, c, conn, command.Unsure(conn.UpdateTable(ctx, c.Text(0)), nothingSays), func() error {
		return errors.New("smtpd has no such table, or cannot reload it while it runs: restart smtpd")
	})
}
