package main

import (
	"cmp"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"smtpctl/protocol/fulltest"
)

// A module whose test fails as FAIL says; "once" until a file is there.
const ciTestModule = `package a

import (
	"os"
	"strings"
	"testing"
	"time"
)

func once() bool {
	_, err := os.Stat("ran")
	os.WriteFile("ran", nil, 0o600)
	return err != nil
}

func TestParts(t *testing.T) {
	for _, name := range []string{"one", "two", "three"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// More than fits into a pipe, so that whoever reads only its beginning is noticed.
			for range 2000 {
				t.Log(name, strings.Repeat("talk ", 20))
			}
			if name != "two" {
				return
			}
			switch os.Getenv("FAIL") {
			case "once":
				if once() {
					t.Error("the reason")
				}
			case "twice":
				t.Error("the reason")
			case "panic":
				if once() {
					panic("the reason")
				}
			case "late":
				if once() {
					time.Sleep(time.Minute)
				}
			}
		})
	}
}

func many(t *testing.T) {
	if os.Getenv("FAIL") == "many" {
		t.Error("the reason")
	}
}

func TestMany1(t *testing.T) { many(t) }
func TestMany2(t *testing.T) { many(t) }
func TestMany3(t *testing.T) { many(t) }
func TestMany4(t *testing.T) { many(t) }
func TestMany5(t *testing.T) { many(t) }
func TestMany6(t *testing.T) { many(t) }
`

// What .ci/tests forgives, and that it names whatever failed with its reason.
func TestWhatCIForgives(t *testing.T) {
	if !fulltest.On() {
		t.Skip("builds a module of its own: SMTPCTL_TEST_FULL=1 runs it")
	}
	t.Parallel()
	script, err := os.ReadFile("../../.ci/tests")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fail   string
		passes bool
		says   []string
		env    string
	}{
		{"", true, nil, ""},
		{"once", true, []string{"TestParts failed once and passed alone:", "TestParts/two:", "the reason"}, ""},
		{"twice", false, []string{"--- FAIL: TestParts/two", "the reason"}, ""},
		{"many", false, []string{"--- FAIL: TestMany6", "the reason"}, ""},
		{"panic", false, []string{"the reason"}, ""},
		{"late", false, []string{"test timed out"}, ""},
		{"build", false, []string{"expected"}, ""},
		{"", true, nil, "VERBOSE="},
		{"once", true, []string{"TestParts failed once and passed alone:", "TestParts/two", "the reason"}, "VERBOSE="},
		{"twice", false, []string{"--- FAIL: TestParts/two", "the reason"}, "VERBOSE="},
		{"many", false, []string{"--- FAIL: TestMany6", "the reason"}, "VERBOSE="},
		{"panic", false, []string{"the reason"}, "VERBOSE="},
	} {
		t.Run("fails "+c.fail+c.env, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			module := ciTestModule
			if c.fail == "build" {
				module += "func"
			}
			for name, text := range map[string]string{
				".ci/tests":   string(script),
				"go.mod":      "module a\n\ngo 1.24\n",
				"a/a_test.go": module,
			} {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command("bash", ".ci/tests", filepath.Join(dir, "out"), "./...", "-count=1", "-timeout=5s")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "FAIL="+c.fail, cmp.Or(c.env, "NONE="))
			got, err := cmd.CombinedOutput()
			if (err == nil) != c.passes {
				t.Fatalf("%v: %.2000s", err, got)
			}
			for _, want := range c.says {
				if !strings.Contains(string(got), want) {
					t.Errorf("says nothing of %q: %.2000s", want, got)
				}
			}
			if strings.Contains(string(got), "one talk") && c.fail != "panic" && c.fail != "late" {
				t.Errorf("also shows what passed: %.2000s", got)
			}
		})
	}
}
