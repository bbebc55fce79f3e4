package prompt

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"smtpctl/shell/jobs"
)

// A Keyboard reads single keys from a terminal, without echo, while a command draws on the
// whole screen. Ctrl-C and Ctrl-\ still send their signals. At Ctrl-Z the Keyboard gives the
// terminal back, stops the program, and takes the terminal over again when it is continued.
type Keyboard struct {
	// Keys receives each key: a character, or a name such as up, page down or escape, and
	// "continued" after the program was stopped: the screen has to be drawn again. It is
	// closed when the terminal has gone, or by Close.
	Keys <-chan string

	fd    int
	reads unix.Termios // the settings while keys are read
	found unix.Termios // the settings with which the terminal was found
	wake  *os.File     // Close closes this end of a pipe, to stop read
	done  chan struct{}
	once  sync.Once
}

// named maps the bytes that terminals send for keys which are not characters to their names.
var named = sync.OnceValue(func() map[string]string {
	return map[string]string{
		"\x1b[A": "up", "\x1bOA": "up", "\x1b[B": "down", "\x1bOB": "down", "\x1b[5~": "page up", "\x1b[6~": "page down",
		"\x1b[H": "home", "\x1bOH": "home", "\x1b[1~": "home", "\x1b[F": "end", "\x1bOF": "end", "\x1b[4~": "end", keyEscape: "escape",
	}
})

// errBackground means that the program is not in the foreground of its terminal.
var errBackground = errors.New("the program is in the background")

// OpenKeyboard begins to read keys from a terminal, and changes its settings. The caller must
// call Close, which restores them. It fails if the program is in the background.
func OpenKeyboard(f *os.File) (*Keyboard, error) {
	fd := int(f.Fd())
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil {
		return nil, err
	}
	if group != unix.Getpgrp() {
		return nil, errBackground // changing the settings would stop the program (SIGTTOU)
	}
	found, err := unix.IoctlGetTermios(fd, getTermios)
	if err != nil {
		return nil, err
	}
	wakeR, wakeW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	keys := make(chan string)
	k := &Keyboard{Keys: keys, fd: fd, found: *found, wake: wakeW, done: make(chan struct{})}
	t := &k.reads
	*t = *found
	t.Lflag &^= unix.ICANON | unix.ECHO
	t.Cc[unix.VMIN], t.Cc[unix.VTIME], t.Cc[unix.VSUSP] = 1, 0, noChar
	if err := unix.IoctlSetTermios(fd, setTermios, t); err != nil {
		wakeR.Close()
		wakeW.Close()
		return nil, err
	}
	go k.read(keys, wakeR)
	return k, nil
}

// read reads keys until Close is called or the terminal has gone.
func (k *Keyboard) read(keys chan<- string, wake *os.File) {
	defer close(k.done)
	defer close(keys)
	defer wake.Close()
	var tok tokenizer
	buf := make([]byte, 256)
	for {
		wait := -1
		if tok.waiting() {
			wait = int(escapeWait / time.Millisecond)
		}
		fds := []unix.PollFd{{Fd: int32(k.fd), Events: unix.POLLIN}, {Fd: int32(wake.Fd()), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, wait)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil, fds[1].Revents != 0:
			return
		}
		found := tok.flush
		if n > 0 {
			got, err := unix.Read(k.fd, buf)
			if err == unix.EINTR || err == unix.EAGAIN {
				continue
			}
			if err != nil || got <= 0 {
				return
			}
			found = func() []string { return tok.feed(buf[:got]) }
		}
		for _, key := range keysOf(found()) {
			if key == keyCtrlZ {
				unix.IoctlSetTermios(k.fd, setTermios, &k.found)
				jobs.Stop()
				unix.IoctlSetTermios(k.fd, setTermios, &k.reads)
				key = "continued"
			}
			if !k.send(keys, key, wake) {
				return
			}
		}
	}
}

// keysOf returns the keys in tokens. Each character of a text is one key, and keys without a
// name are dropped.
func keysOf(tokens []string) []string {
	var out []string
	for _, tok := range tokens {
		switch name, ok := named()[tok]; {
		case ok:
			out = append(out, name)
		case tok[0] == 0x1b:
		default:
			for _, r := range tok {
				out = append(out, string(r))
			}
		}
	}
	return out
}

// send hands on a key, and reports whether it did before Close was called.
func (k *Keyboard) send(keys chan<- string, key string, wake *os.File) bool {
	for {
		select {
		case keys <- key:
			return true
		case <-time.After(pollEvery):
			fds := []unix.PollFd{{Fd: int32(wake.Fd()), Events: unix.POLLIN}}
			if n, _ := unix.Poll(fds, 0); n > 0 {
				return false
			}
		}
	}
}

// Close stops the reading and restores the settings of the terminal. It may be called more than
// once, and from several goroutines.
func (k *Keyboard) Close() {
	k.once.Do(func() {
		k.wake.Close() // read sees the end of the pipe
		<-k.done
		unix.IoctlSetTermios(k.fd, setTermios, &k.found)
	})
}
