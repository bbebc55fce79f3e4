package queue

import (
	"bytes"
	"regexp"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b, what: "removed", total: 1000, started: time.Now()}
	for range 128 {
		p.step()
	}
	if b.Len() > 0 {
		t.Errorf("at once: %q", b.String())
	}
	p.started = time.Now().Add(-2 * time.Second)
	for range 128 {
		p.step()
	}
	p.end()
	if !regexp.MustCompile(`^\rremoved 192 of 1000, 19%, \d\d a second\r\r {20,}\r$`).MatchString(b.String()) {
		t.Errorf("%q", b.String())
	}
	(*progress)(nil).step()
	(*progress)(nil).end()
}
