package remote

import (
	"os"
	"sync"
	"testing"
	"time"

	"smtpctl/protocol/fulltest"
)

// TestFolders makes many folders at the same time, each of which sweeps those that nobody
// holds: all of them are there afterwards, and those of processes that were killed are not.
func TestFolders(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	os.Chmod(parent, 0o700)
	var mu sync.Mutex
	var made []*folder
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range fulltest.Of(40, 12) {
				d, err := newFolderIn(parent)
				if err != nil {
					t.Error(err)
					return
				}
				sweep(parent, d.path)
				mu.Lock()
				made = append(made, d)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for _, d := range made {
		if _, err := os.Stat(d.path + "/" + lockName); err != nil {
			t.Error(err)
		}
		d.lock.Close()
	}
	d, err := newFolderIn(parent)
	if err != nil {
		t.Fatal(err)
	}
	// A process that another test is starting has the locks until it carries out its program.
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		sweep(parent, d.path)
		left, _ := os.ReadDir(parent)
		if len(left) == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d folders are left", len(left))
		}
	}
	d.remove()
}
