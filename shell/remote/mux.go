package remote

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A running ssh takes requests at its control socket, as PROTOCOL.mux of OpenSSH describes them.
// Requests that are made here save the start of one more ssh for each program that runs on the
// other machine.
//
// A message is its length, its type, and fields: numbers of 32 bits, the most significant byte
// first, and strings, each with its length before it.

// The types of messages.
const (
	muxHello      = 1
	muxNewSession = 0x10000002
	muxTerminate  = 0x10000005
	muxStdioFwd   = 0x10000008
	muxDenied     = 0x80000002
	muxFailure    = 0x80000003
	muxExit       = 0x80000004
	muxOpened     = 0x80000006
)

const (
	muxVersion  uint32 = 4 // of the protocol, since OpenSSH 5.4
	muxRequest  uint32 = 1 // the number of the only request of a connection
	muxNoEscape uint32 = 1<<32 - 1
	muxMost            = 256 << 10             // bytes of a message
	muxAgain           = 10 * time.Millisecond // before one more try, where too many wait for ssh
)

// errMux means that what a control socket answered is not in its protocol.
var errMux = errors.New("the control socket of ssh does not answer as that of OpenSSH does")

// errNoStatus means that a program has ended, and that ssh did not say how.
var errNoStatus = errors.New("it ended without an exit status")

// An exitError is the exit status, not 0, of a program on the other machine.
type exitError uint32

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", uint32(e)) }

// A refusal is the reason for which ssh or the machine did not open what was asked for.
type refusal string

func (r refusal) Error() string { return cmp.Or(string(r), "refused by ssh") }

// A mux is a connection to the control socket of a running ssh, for one request.
type mux struct{ *net.UnixConn }

// dialMux connects to a control socket, and exchanges greetings. The end of ctx closes the connection.
func dialMux(ctx context.Context, control string) (*mux, error) {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "unix", control)
	for errors.Is(err, syscall.EAGAIN) && ctx.Err() == nil {
		time.Sleep(muxAgain)
		nc, err = d.DialContext(ctx, "unix", control)
	}
	if err != nil {
		return nil, err
	}
	m := &mux{nc.(*net.UnixConn)}
	context.AfterFunc(ctx, func() { m.Close() })
	if err = m.send(muxHello, muxVersion); err == nil {
		var is uint32
		var body []byte
		if is, body, err = m.next(4); err == nil && (is != muxHello || binary.BigEndian.Uint32(body) != muxVersion) {
			err = errMux
		}
	}
	if err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

// send sends a message. Its fields are of type uint32 and string.
func (m *mux) send(is uint32, fields ...any) error {
	b := binary.BigEndian.AppendUint32(make([]byte, 4, 256), is)
	for _, field := range fields {
		switch field := field.(type) {
		case uint32:
			b = binary.BigEndian.AppendUint32(b, field)
		case string:
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(field))), field...)
		}
	}
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	_, err := m.Write(b)
	return err
}

// next returns the type of the next message, and its fields, of least bytes at least.
func (m *mux) next(least int) (is uint32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(m, head[:]); err != nil {
		return 0, nil, err
	}
	length := binary.BigEndian.Uint32(head[:])
	if length < uint32(4+least) || length > muxMost {
		return 0, nil, errMux
	}
	body = make([]byte, length-4)
	_, err = io.ReadFull(m, body)
	return binary.BigEndian.Uint32(head[4:]), body, err
}

// open asks for what a message stands for, gives it open files, and waits until it has begun.
func (m *mux) open(files []int, is uint32, fields ...any) error {
	if err := m.send(is, append([]any{muxRequest, ""}, fields...)...); err != nil {
		return err
	}
	for _, fd := range files { // ssh takes one at a time
		if _, _, err := m.WriteMsgUnix([]byte{0}, unix.UnixRights(fd), nil); err != nil {
			return err
		}
	}
	is, body, err := m.next(8)
	switch {
	case err != nil:
		return err
	case is == muxOpened:
		return nil
	case is == muxFailure, is == muxDenied: // behind the number of the request there is a reason
		return refusal(body[8:])
	}
	return errMux
}

// session starts a program on the other machine, whose words a shell there reads. Its standard
// input, output and error are the files.
func (m *mux) session(command string, files ...int) error {
	const no, noTerm = uint32(0), ""
	tty, x11, agent, subsystem := no, no, no, no
	return m.open(files, muxNewSession, tty, x11, agent, subsystem, muxNoEscape, noTerm, command)
}

// forward connects to a TCP port, as the other machine sees it. The files, of which one is read
// and one is written, become the connection.
func (m *mux) forward(host string, port uint16, files ...int) error {
	return m.open(files, muxStdioFwd, host, uint32(port))
}

// wait waits until what was opened has ended, and returns nil if its exit status is 0, which
// that of a connection never is.
func (m *mux) wait() error {
	end := errNoStatus
	for {
		is, body, err := m.next(4)
		switch {
		case err != nil:
			return end
		case is == muxExit && len(body) >= 8:
			if end = nil; binary.BigEndian.Uint32(body[4:]) != 0 {
				end = exitError(binary.BigEndian.Uint32(body[4:]))
			}
		}
	}
}

// terminate asks ssh to end, and waits for its answer.
func (m *mux) terminate() error {
	err := m.send(muxTerminate, muxRequest)
	if err == nil {
		_, _, err = m.next(4)
	}
	return err
}
