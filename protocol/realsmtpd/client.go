package realsmtpd

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// A Mail is a message to send to smtpd.
type Mail struct {
	From string
	To   []string
	Body string
}

// perSession is how many messages smtpd accepts in one SMTP session.
const perSession = 100

// Send submits mails to smtpd by SMTP over IPv4.
func (d *Daemon) Send(mails ...Mail) {
	d.t.Helper()
	d.SendTo(fmt.Sprintf("127.0.0.1:%d", listenPort), mails...)
}

// Send6 submits mails to smtpd by SMTP over IPv6.
func (d *Daemon) Send6(mails ...Mail) {
	d.t.Helper()
	d.SendTo(fmt.Sprintf("[::1]:%d", listenPort), mails...)
}

// SendTo submits mails to the SMTP server at addr.
func (d *Daemon) SendTo(addr string, mails ...Mail) {
	d.t.Helper()
	for len(mails) > 0 {
		n := min(len(mails), perSession)
		if err := session(addr, mails[:n], nil); err != nil {
			d.t.Fatalf("sending mail: %v", err)
		}
		mails = mails[n:]
	}
}

// session submits mails in one SMTP session. It calls took, if that is not nil, with
// the time between MAIL and the answer to the data of each mail.
func session(addr string, mails []Mail, took func(time.Duration)) error {
	c, err := net.DialTimeout("tcp", addr, 5*time.Second)
	for i := 0; err != nil && i < 100; i++ { // smtpd listens a little later than it answers
		time.Sleep(50 * time.Millisecond)
		c, err = net.DialTimeout("tcp", addr, 5*time.Second)
	}
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(c)
	expect := func(code string) error {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return err
			}
			if !strings.HasPrefix(line, code) {
				return fmt.Errorf("want %s, got %q", code, line)
			}
			if len(line) > 3 && line[3] != '-' {
				return nil
			}
		}
	}
	say := func(code, format string, args ...any) error {
		fmt.Fprintf(c, format+"\r\n", args...)
		return expect(code)
	}
	if err := expect("220"); err != nil {
		return err
	}
	if err := say("250", "EHLO client.example"); err != nil {
		return err
	}
	for _, m := range mails {
		start := time.Now()
		if err := say("250", "MAIL FROM:<%s>", m.From); err != nil {
			return err
		}
		for _, to := range m.To {
			if err := say("250", "RCPT TO:<%s>", to); err != nil {
				return err
			}
		}
		if err := say("354", "DATA"); err != nil {
			return err
		}
		body := m.Body
		if body == "" {
			body = "Subject: test\n\ntest"
		}
		if err := say("250", "%s\r\n.", strings.ReplaceAll(body, "\n", "\r\n")); err != nil {
			return err
		}
		if took != nil {
			took(time.Since(start))
		}
	}
	return say("221", "QUIT")
}

// SendFor submits mails in several sessions at once for the given time, and returns how
// long smtpd took to accept each mail.
func (d *Daemon) SendFor(limit time.Duration, sessions int) []time.Duration {
	d.t.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var wg sync.WaitGroup
	end := time.Now().Add(limit)
	for i := range sessions {
		wg.Go(func() {
			mails := make([]Mail, perSession/4)
			for j := range mails {
				mails[j] = Mail{From: fmt.Sprintf("load%d@x.example", i), To: []string{fmt.Sprintf("load%d.%d@temp.example", i, j)}}
			}
			for time.Now().Before(end) {
				err := session(fmt.Sprintf("127.0.0.1:%d", listenPort), mails, func(t time.Duration) {
					mu.Lock()
					all = append(all, t)
					mu.Unlock()
				})
				if err != nil {
					d.t.Errorf("sending mail: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	return all
}
