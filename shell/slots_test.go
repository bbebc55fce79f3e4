package shell

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"smtpctl/shell/command"
)

// A crowd counts how many are there at the same time.
type crowd struct {
	mu        sync.Mutex
	now, most int
	all       chan struct{} // closed once want are there
	want      int
}

func newCrowd(want int) *crowd { return &crowd{want: want, all: make(chan struct{})} }

// visit is one who comes, waits until as many are there as are wanted, and for others who
// must not come, and goes.
func (c *crowd) visit() {
	c.mu.Lock()
	if c.now++; c.now > c.most {
		if c.most = c.now; c.most == c.want {
			close(c.all)
		}
	}
	c.mu.Unlock()
	select {
	case <-c.all:
	case <-time.After(time.Minute):
	}
	time.Sleep(10 * time.Millisecond)
	c.mu.Lock()
	c.now--
	c.mu.Unlock()
}

// TestParallel counts how many machines work at the same time, as the option, the setting or
// nobody says.
func TestParallel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		setting, option string
		want            int
	}{{"", "1", 1}, {"", "2", 2}, {"", "16", 16}, {"", "", 16}, {"1", "", 1}, {"3", "", 3}, {"3", "17", 17}, {"x", "2", 2}} {
		t.Run(tt.setting+" "+tt.option, func(t *testing.T) {
			t.Parallel()
			text := ""
			if tt.setting != "" {
				text = "parallel = " + tt.setting + "\n"
			}
			s, _ := withSettings(t, text)
			defer s.Close()
			s.out = command.NewOutput(io.Discard, false, s.style)
			var hosts []string
			for i := range 20 {
				hosts = append(hosts, fmt.Sprint("mx", i))
			}
			words := []string{"--host", strings.Join(hosts, ","), "show", "status"}
			if tt.option != "" {
				words = append([]string{"--parallel", tt.option}, words...)
			}
			c, err := s.parse(words)
			if err != nil {
				t.Fatal(err)
			}
			here := newCrowd(tt.want)
			counting := *c.Cmd
			counting.Run = func(context.Context, *command.Call) error {
				here.visit()
				return nil
			}
			c.Cmd = &counting
			if err := s.run(context.Background(), c); err != nil || here.most != tt.want {
				t.Errorf("%d at the same time, want %d: %v", here.most, tt.want, err)
			}
		})
	}
}

// TestParallelRefused gives numbers that are out of bounds: nothing is sent.
func TestParallelRefused(t *testing.T) {
	t.Parallel()
	for _, n := range []string{"0", "-1", "1001", "99999999999999999999", "", "x", "1.5", "0x10"} {
		s, said := withSettings(t, "menu = tab\nparallel = "+n+"\n")
		want := fmt.Sprintf("%q: expected a number of machines, 1 to 1000", n)
		if n != "" && !strings.Contains(said, "config:2: parallel: "+want) {
			t.Errorf("the setting %q: %q", n, said)
		}
		for _, words := range [][]string{{"--host", "mx1,mx2", "show", "status"}, {"on", "mx1,mx2", "show", "status"}} {
			if _, err := s.parse(words); n != "" && (err == nil || !strings.Contains(err.Error(), "config:2: parallel: "+want) || command.Status(err) != command.StatusUsage) {
				t.Errorf("the setting %q, %q: %v", n, words, err)
			}
		}
		if _, err := s.parse([]string{"--host", "mx1", "show", "status"}); err != nil {
			t.Errorf("the setting %q, for one machine: %v", n, err)
		}
		_, err := s.parse([]string{"--parallel", n, "--host", "mx1,mx2", "show", "status"})
		if err == nil || !strings.Contains(err.Error(), "--parallel") || n != "" && !strings.Contains(err.Error(), want) {
			t.Errorf("--parallel %q: %v", n, err)
		}
	}
}
