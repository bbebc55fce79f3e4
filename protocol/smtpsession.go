package protocol

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrNoSession means that smtpd opens no SMTP session, because of pause smtp.
var ErrNoSession = errors.New("smtpd accepts no mail at the moment: resume smtp")

// DialSMTP requests an SMTP session from the smtpd at path, as sendmail(8) of OpenSMTPD
// does, and returns the connection, on which smtpd greets first. smtpd treats mail
// submitted there as mail from its own machine. opts applies to the request only; the
// connection has no deadline. The errors are those of Dial, and ErrNoSession.
//
// The request is SMTP_SESSION without a payload; the answer is an OK with a descriptor,
// one end of a socketpair(2) (smtpd/control.c, smtp.c: smtp_enqueue). Because of the
// descriptor the request needs a connection of its own, over a Unix socket on the same
// machine.
func DialSMTP(ctx context.Context, path string, opts Options) (net.Conn, error) {
	opts = opts.withDefaults()
	nc, err := dial(ctx, path, opts.Timeout)
	if err != nil {
		return nil, &OpError{Op: "connect to " + path, Err: err}
	}
	defer nc.Close()
	uc, ok := nc.(*net.UnixConn)
	if !ok {
		return nil, &OpError{Op: "ask for an SMTP session", Err: errors.ErrUnsupported}
	}
	uc.SetDeadline(time.Now().Add(opts.Timeout))
	stop := context.AfterFunc(ctx, func() { uc.SetDeadline(time.Now()) })
	defer stop()
	session, err := askSession(uc, opts.Layout)
	switch {
	case err == nil:
		return session, nil
	case context.Cause(ctx) != nil:
		err = context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = ErrTimeout
	}
	return nil, &OpError{Op: "ask for an SMTP session", Err: err}
}

// askSession sends the request over a connection, and returns the connection that smtpd
// passes with its answer.
func askSession(uc *net.UnixConn, l Layout) (net.Conn, error) {
	b, err := l.AppendFrame(nil, Frame{Type: TypeSMTPSession, PeerID: Version, PID: pid})
	if err != nil {
		return nil, err
	}
	if _, err := uc.Write(b); err != nil {
		return nil, ErrHangup
	}
	var answer, rights []byte
	buf, oob := make([]byte, MaxFrame), make([]byte, unix.CmsgSpace(4*4))
	for {
		n, oobn, _, _, err := uc.ReadMsgUnix(buf, oob)
		rights = append(rights, oob[:oobn]...)
		if answer = append(answer, buf[:max(n, 0)]...); err != nil || n == 0 {
			closeRights(rights)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return nil, err
			}
			return nil, ErrHangup
		}
		f, size, err := l.DecodeFrame(answer)
		if err != nil {
			closeRights(rights)
			return nil, err
		}
		if size > 0 {
			return sessionIn(f, rights)
		}
	}
}

// sessionIn returns the connection whose descriptor an answer carries.
func sessionIn(f Frame, rights []byte) (net.Conn, error) {
	fds := descriptors(rights)
	if f.Type == TypeOK && len(fds) == 1 {
		file := os.NewFile(uintptr(fds[0]), "smtp session")
		defer file.Close()
		return net.FileConn(file)
	}
	closeRights(rights)
	switch {
	case f.Type == TypeFail && f.PeerID != 0 && f.PeerID != Version:
		return nil, &VersionError{Daemon: f.PeerID}
	case f.Type == TypeFail:
		return nil, ErrNoSession
	}
	return nil, &ProtocolError{Reason: fmt.Sprintf("%v frame with %d descriptors as the answer to %v, expected OK with one", f.Type, len(fds), TypeSMTPSession)}
}

// descriptors returns the descriptors in control messages.
func descriptors(rights []byte) []int {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	var all []int
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
		all = append(all, fds...)
	}
	return all
}

// closeRights closes the descriptors in control messages.
func closeRights(rights []byte) {
	for _, fd := range descriptors(rights) {
		unix.Close(fd)
	}
}
