package shell

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"smtpctl/shell/hold"
	"smtpctl/shell/render"
	"smtpctl/shell/suggest"
)

// bannerWait is how long smtpd may take to say how many envelopes it has, until the
// prompt comes without.
const bannerWait = 500 * time.Millisecond

// Settings of the prompt.
const (
	menuOnTab = "tab"
	hostNone  = "none"
	hostFull  = "full"
)

// maxHost is how much of the name of the machine stands in the prompt, in bytes.
const maxHost = 30

// hostName returns how the prompt names the machine; nothing if it does not.
func (s *Session) hostName(setting string) string {
	switch {
	case setting == hostNone:
		return ""
	case s.demo:
		return "demo"
	}
	name, err := os.Hostname()
	if err != nil {
		return ""
	}
	if setting != hostFull {
		name, _, _ = strings.Cut(name, ".")
	}
	return render.Safe(name[:min(len(name), maxHost)])
}

// banner says on one line what this is and how much mail waits.
func (r *repl) banner(host string) {
	text := "smtpctl " + Version
	if host != "" {
		text += " on " + host
	}
	ctx, cancel := context.WithTimeout(context.Background(), bannerWait)
	defer cancel()
	if conn, err := r.s.dial(ctx, r.s.opts); err == nil {
		if n, ok := suggest.QueueSize(ctx, conn); ok {
			text += ", " + render.Plural(n, "envelope")
		}
	}
	fmt.Fprintf(r.s.io.Out, "%s; ? or help\n", text)
	if late := hold.Late(r.s.stateDir(), r.s.opts.Socket); late != "" {
		fmt.Fprintln(r.s.io.Err, late)
	}
}
