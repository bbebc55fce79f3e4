package hold

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/render"
)

// A HoldJSON is a hold as JSON shows it.
type HoldJSON struct {
	Hold      string       `json:"hold"` // its selector
	Socket    string       `json:"socket"`
	Made      render.Time  `json:"made"`
	Who       string       `json:"who"`
	Until     *render.Time `json:"until,omitempty"`
	Over      bool         `json:"over,omitempty"`      // the time is over, and nothing has ended the hold yet
	Recorded  int          `json:"recorded"`            // envelopes that it has suspended
	Suspended *int         `json:"suspended,omitempty"` // of them now; missing where smtpd does not say
}

// runShow lists the holds.
func runShow(ctx context.Context, c *command.Call) error {
	st, all, damaged := recordsOf(c.StateDir, c.Opts.Smtpd())
	if st != nil {
		defer st.close()
	}
	if damaged != nil && all == nil {
		return errorf(c, damaged)
	}
	rows, reached := rowsOf(ctx, c, all)
	if err := print(c, rows); err != nil {
		return err
	}
	late := slices.ContainsFunc(rows, func(j HoldJSON) bool { return j.Over })
	lost := slices.ContainsFunc(rows, func(j HoldJSON) bool { return j.Suspended != nil && *j.Suspended < j.Recorded })
	switch {
	case len(all) == 0 && damaged == nil:
		c.Warnf("there are no holds")
	case late:
		c.Warnf("a hold whose time is over ends with the next hold --again; its mail stays suspended until then")
	case lost:
		c.Warnf("envelopes no longer suspended have left the queue, were resumed, or smtpd was restarted: hold --again suspends those still queued")
	}
	if reached != nil {
		c.Warnf("%s", render.Safe(fmt.Sprintf("cannot tell how many envelopes are suspended now: %v", reached)))
	}
	return wrapped(c, damaged)
}

// rowsOf checks each hold. The error says why smtpd could not be asked.
func rowsOf(ctx context.Context, c *command.Call, all []*Record) (rows []HoldJSON, reached error) {
	now := time.Now()
	var conn *protocol.Conn
	var start render.Time
	if len(all) > 0 {
		if start, reached = startOf(ctx, c); reached == nil {
			conn, reached = c.Conn(ctx)
		}
	}
	for _, r := range all {
		j := HoldJSON{Hold: r.Selector(), Socket: r.Socket, Made: r.Made, Who: r.Who, Over: r.over(now), Recorded: len(r.ids)}
		if reached == nil {
			r.of(start) // counts what is suspended now
		}
		if r.Until != 0 {
			j.Until = &r.Until
		}
		if reached == nil {
			_, n, err := queued(ctx, conn, r.ids)
			if reached = err; err == nil {
				j.Suspended = &n
			}
		}
		rows = append(rows, j)
	}
	if cause := context.Cause(ctx); cause != nil && errors.Is(reached, context.Canceled) {
		reached = cause
	}
	return rows, reached
}

// print prints one line for each hold, with a head for people.
func print(c *command.Call, rows []HoldJSON) error {
	parts := func(yield func(command.Record, error) bool) {
		for _, j := range rows {
			if !yield(command.Record{JSON: j, Text: j.text() + "\n"}, nil) {
				return
			}
		}
	}
	table := func() error {
		if len(rows) == 0 {
			return nil
		}
		tw := tabwriter.NewWriter(c.Out, 0, 8, 2, ' ', 0)
		fmt.Fprintln(tw, "HOLD\tUNTIL\tSUSPENDED\tSINCE\tBY")
		for _, j := range rows {
			fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", render.Safe(j.Hold), j.until(), j.count(), at(j.Made), render.Safe(j.Who))
		}
		return tw.Flush()
	}
	return c.Print(command.Record{Parts: parts, Table: table})
}

// text returns a hold on one line.
func (j *HoldJSON) text() string {
	return render.Safe(fmt.Sprintf("%s: %s, %s suspended, since %s by %s", j.Hold, j.until(), j.count(), at(j.Made), j.Who))
}

// until says when a hold ends.
func (j *HoldJSON) until() string {
	switch {
	case j.Until == nil:
		return "until released"
	case j.Over:
		return "over since " + at(*j.Until)
	}
	return "until " + at(*j.Until)
}

// count says how many envelopes are suspended, and how many were.
func (j *HoldJSON) count() string {
	switch {
	case j.Suspended == nil:
		return fmt.Sprintf("? of %d", j.Recorded)
	case *j.Suspended < j.Recorded:
		return fmt.Sprintf("%d of %d", *j.Suspended, j.Recorded)
	}
	return fmt.Sprint(j.Recorded)
}

// Late says that the time of holds is over and nothing has ended them, or nothing: for
// those who come to the prompt.
func Late(stateDir, smtpd string) string {
	st, all, err := recordsOf(stateDir, smtpd)
	if st != nil {
		st.close()
	}
	n, now := 0, time.Now()
	for _, r := range all {
		if r.over(now) {
			n++
		}
	}
	switch {
	case n > 0:
		return fmt.Sprintf("the time of %s is over, but no pass has ended it: mail stays suspended until hold --again; see show holds", render.Plural(n, "hold"))
	case err != nil && stateDir != "":
		return render.Safe(command.FileError(err).Error())
	}
	return ""
}
