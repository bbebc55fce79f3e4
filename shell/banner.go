package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"smtpctl/shell/command"
	"smtpctl/shell/fleet"
	"smtpctl/shell/hold"
	"smtpctl/shell/render"
	"smtpctl/shell/suggest"
)

// bannerWait is how long the prompt waits for smtpd's count of envelopes before it
// appears without it.
const bannerWait = 500 * time.Millisecond

// farBannerWait is bannerWait for other machines, to which the way may be long.
const farBannerWait = 2 * time.Second

// Settings of the prompt.
const (
	menuOnTab = "tab"
	never     = "never"
	hostNone  = "none"
	hostFull  = "full"
)

// maxHost is how many bytes of the machine's name the prompt shows.
const maxHost = 30

// hostName returns the name of the machine for the prompt, or "" if the prompt shows
// none.
func (s *Session) hostName(setting string) string {
	switch {
	case s.opts.Host != "": // whatever the setting: it must be known whose mail is acted on
		if n := strings.Count(s.opts.Host, ","); n > 0 && len(s.opts.Host) > maxHost {
			return fmt.Sprintf("%d hosts", n+1)
		}
		return render.Safe(s.opts.Host[max(0, len(s.opts.Host)-maxHost):])
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

// bannerHosts is how many machines the line names with their envelopes.
const bannerHosts = 16

// banner prints one line with the name of the program and the amount of mail, that of each
// of several machines too.
func (r *repl) banner(host string) {
	text := "smtpctl " + Version
	if host != "" {
		text += " on " + host
	}
	text += r.s.mailOf(fleet.Hosts(r.s.opts))
	fmt.Fprintf(r.s.console.Over(r.s.io.Out), "%s; ? or help\n", text)
	if late := hold.Late(r.s.stateDir(), r.s.opts.Smtpd()); late != "" {
		fmt.Fprintln(r.s.err, late)
	}
}

// mailOf says how much mail there is on some machines, as far as they tell at once.
func (s *Session) mailOf(hosts []string) string {
	wait := bannerWait
	if s.opts.Host != "" {
		wait = farBannerWait
	}
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	counts := make([]string, len(hosts))
	var mu sync.Mutex
	total, known := 0, false
	var wg sync.WaitGroup
	for i, host := range hosts {
		wg.Go(func() {
			counts[i] = host + " not known yet"
			conn, err := s.dialQuietly(ctx, host)
			if err != nil {
				if ctx.Err() == nil {
					counts[i] = host + " not connected"
				}
				return
			}
			if n, ok := suggest.QueueSize(ctx, conn); ok {
				counts[i] = host + " " + strconv.Itoa(n)
				mu.Lock()
				defer mu.Unlock()
				total, known = total+n, true
			}
		})
	}
	wg.Wait()
	text := ""
	if known {
		text = ", " + render.Plural(total, "envelope")
	}
	if len(hosts) == 1 {
		return text
	}
	if over := len(counts) - bannerHosts; over > 0 {
		counts = append(counts[:bannerHosts], fmt.Sprintf("and %d more", over))
	}
	return text + " (" + strings.Join(counts, ", ") + ")"
}

// reachFromPrompt connects to the other machines that the session is for, before there is a
// prompt, as dialAsking does. What fails is said, and is tried again by the next command. The error is the
// signal that has ended it.
func (s *Session) reachFromPrompt() error {
	hosts := slices.DeleteFunc(fleet.Hosts(s.opts), func(host string) bool { return host == "" || host == command.LocalHost })
	if len(hosts) == 0 {
		return nil
	}
	ctx, stop := s.withSignals(context.Background())
	defer stop()
	for _, err := range s.fleet.DialAsking(ctx, nil, s.opts, hosts) {
		var sig *command.SignalError
		switch {
		case err == nil:
		case errors.As(context.Cause(ctx), &sig):
			return sig
		default:
			fmt.Fprintln(s.err, s.style.Error("smtpctl:")+" "+render.Safe(render.Bound(err.Error(), render.MaxMessage)))
		}
	}
	return nil
}
