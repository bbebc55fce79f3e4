package shell

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"smtpctl/protocol"
	"smtpctl/shell/command"
	"smtpctl/shell/confine"
	"smtpctl/shell/render"
)

// stdioGrace is how long smtpd may take to close the connection when standard input has
// ended.
const stdioGrace = 5 * time.Second

// stdio connects standard input and output with smtpd's socket until one of them ends, and
// returns the exit status. It understands nothing of what it copies.
func (s *Session) stdio() int {
	ctx, stop := s.withSignals(context.Background())
	defer stop()
	// A terminal holds nothing that smtpd could read.
	if command.IsTerminal(s.io.In) || command.IsTerminal(s.io.Out) {
		return printError(s.err, s.style, command.Usagef("--stdio is for this program on another machine, and not for a terminal"))
	}
	err := confine.LockDownTo(s.opts.Socket)
	if err != nil {
		fmt.Fprintln(s.err, render.Safe(fmt.Sprintf("smtpctl: going on without a sandbox: %v", err)))
	}
	dial, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	defer cancel()
	nc, err := protocol.DialSocket(dial, s.opts.Socket, s.opts.Timeout)
	if err != nil {
		return printError(s.err, s.style, err)
	}
	defer nc.Close()
	ended := make(chan error, 2)
	go func() {
		_, err := io.Copy(nc, s.io.In)
		if uc, ok := nc.(*net.UnixConn); ok && err == nil {
			err = uc.CloseWrite()
			time.AfterFunc(stdioGrace, func() { nc.SetReadDeadline(time.Unix(1, 0)) })
		}
		if err != nil {
			ended <- err
		}
	}()
	go func() {
		_, err := io.Copy(s.io.Out, nc)
		ended <- err
	}()
	select {
	case err = <-ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if os.IsTimeout(err) {
		err = nil // it was asked for nothing any more
	}
	return printError(s.err, s.style, err)
}
