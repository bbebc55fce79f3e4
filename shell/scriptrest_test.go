package shell

import (
	"bufio"
	"fmt"
	"os"
	"testing"
	"time"
)

// TestRestOf counts the lines left of a script that comes through a pipe, whose writer ends it, or
// writes the last line, at once, a moment later, or not: what comes in a moment is no unknown rest.
func TestRestOf(t *testing.T) {
	t.Parallel()
	const moment = 10 * time.Millisecond
	for _, tt := range []struct {
		first, then string
		after       time.Duration // until then is written and the pipe closed; below 0 for never
		last        int
		more        bool
	}{
		{"show status\n", "", 0, 2, false},
		{"show status\n", "", moment, 2, false},
		{"show status\n", "show routes\n", moment, 3, false},
		{"", "", moment, 0, false},
		{"show status\n", "", -1, 2, true},
		{"", "", -1, 0, true},
	} {
		t.Run(fmt.Sprintf("%q %q %v", tt.first, tt.then, tt.after), func(t *testing.T) {
			t.Parallel()
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			fmt.Fprint(w, tt.first)
			if tt.after < 0 {
				defer w.Close()
			} else {
				time.AfterFunc(tt.after, func() {
					fmt.Fprint(w, tt.then)
					w.Close()
				})
			}
			wait := time.Minute // a busy machine may take its time
			if tt.more {
				wait = moment
			}
			if _, last, more := restOf(bufio.NewReader(r), r, 1, wait); last != tt.last || more != tt.more {
				t.Errorf("the last line is %d, want %d; more may follow: %v, want %v", last, tt.last, more, tt.more)
			}
		})
	}
}
