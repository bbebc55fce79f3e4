package protocol

import "testing"

// TestDigestSince subtracts counters of both sizes, at their edges: no difference is ever near the top of its type, which is
// what one below zero would be.
func TestDigestSince(t *testing.T) {
	edges := map[int][]uint64{
		0: {0, 1, 1000, 1<<31 - 1, 1 << 31, 1 << 32, 1<<63 - 1},
		8: {0, 1, 1000, 1<<31 - 1, 1 << 31, 1 << 32, 1<<63 - 1},
		4: {0, 1, 1000, 1<<31 - 1, 1 << 31, 1<<32 - 1},
	}
	for word, values := range edges {
		for _, a := range values {
			for _, b := range values {
				d, last := Digest{Startup: 1, word: word, Enqueued: a, Dequeued: b}, Digest{Startup: 1, word: word, Enqueued: b}
				for what, got := range map[string]uint64{"Queued": d.Queued(), "Since": d.Since(&last).Enqueued} {
					if got >= 1<<63 || word == 4 && got >= 1<<31 {
						t.Errorf("%d bytes: %s: %d - %d = %d", word, what, a, b, got)
					}
					if want := a - b; a >= b && want < 1<<31 && got != want {
						t.Errorf("%d bytes: %s: %d - %d = %d", word, what, a, b, got)
					}
				}
				last.Startup = 2
				if got := d.Since(&last).Enqueued; word != 4 && got != a {
					t.Errorf("%d bytes: after a start: %d, want all of %d", word, got, a)
				}
			}
		}
	}
	d, last := Digest{Startup: 1, word: 4, Enqueued: 5, Connects: 3, Disconnects: 1<<32 - 4}, Digest{Startup: 1, word: 4, Enqueued: 1<<32 - 10}
	if got := d.Since(&last).Enqueued; got != 15 {
		t.Errorf("past the end of 4 bytes: %d, want 15", got)
	}
	if got := d.Clients(); got != 7 {
		t.Errorf("clients past the end of 4 bytes: %d, want 7", got)
	}
}
