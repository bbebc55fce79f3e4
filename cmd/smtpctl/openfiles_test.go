package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol/safefile/safefiletest"
)

// An openedFile is a file that the program opens, and a command that opens it.
type openedFile struct {
	name string
	// place returns where the file belongs, in a spool folder or in another one.
	place   func(spool, other string) string
	command string // SPOOL and OTHER stand for these folders
	text    string // that the file should have
	follows bool   // a link may lead to it
	pipe    bool   // it may be a FIFO, which is read as far as it is written to
	folder  bool   // it should be a folder
}

// openedFiles are the files whose names do not say that they are safe.
var openedFiles = []openedFile{
	{name: "message", command: "show message abcd0001", text: "Subject: x\n\n",
		place: func(spool, _ string) string { return spool + "/queue/ab/abcd0001/message" }},
	{name: "envelope", command: "show envelope abcd000100000001", text: "version: 3\n",
		place: func(spool, _ string) string { return spool + "/queue/ab/abcd0001/abcd000100000001" }},
	{name: "listed envelope", command: "show queue", text: "version: 3\ntype: mta\nctime: 1\n",
		place: func(spool, _ string) string { return spool + "/queue/ab/abcd0001/abcd000100000001" }},
	{name: "explained envelope", command: "show queue abcd000100000001", text: "version: 3\ntype: mta\nctime: 1\n",
		place: func(spool, _ string) string { return spool + "/queue/ab/abcd0001/abcd000100000001" }},
	{name: "folder of a message", command: "show queue", folder: true,
		place: func(spool, _ string) string { return spool + "/queue/ab/abcd0001" }},
	{name: "folder of folders", command: "show queue", folder: true,
		place: func(spool, _ string) string { return spool + "/queue/ab" }},
	{name: "key file", command: "--key-file OTHER/key show message abcd0002", text: strings.Repeat("k", 32), follows: true, pipe: true,
		place: func(_, other string) string { return other + "/key" }},
}

// bed makes the rest of what a command needs.
func (f *openedFile) bed(t *testing.T, k safefiletest.Kind) (path, command string) {
	spool, other := t.TempDir(), t.TempDir()
	os.MkdirAll(spool+"/queue/ab/abcd0002", 0o700)
	os.WriteFile(spool+"/queue/ab/abcd0002/message", append([]byte{1}, make([]byte, 100)...), 0o600) // looks encrypted
	path = f.place(spool, other)
	if f.name == "folder of folders" {
		os.RemoveAll(path)
	}
	os.MkdirAll(filepath.Dir(path), 0o700)
	k.Make(t, path)
	return path, "--socket " + other + "/none --spool " + spool + " " + strings.NewReplacer("SPOOL", spool, "OTHER", other).Replace(f.command)
}

// TestOpenFiles puts every kind of file where the program looks for each of its
// own, one-shot and in a script, which has the same command twice. It says at once
// what is there.
func TestOpenFiles(t *testing.T) {
	t.Parallel()
	for _, f := range openedFiles {
		for _, k := range safefiletest.Kinds(f.text) {
			t.Run(f.name+"/"+k.Name, func(t *testing.T) {
				t.Parallel()
				path, command := f.bed(t, k)
				want := k.Is
				if f.follows {
					want = k.Followed
				}
				switch {
				case f.folder && k.Name == "folder", f.follows && k.Followed == "":
					want = ""
				case f.folder && want == "":
					want = "a regular file, expected a folder"
				case f.pipe && strings.HasSuffix(k.Name, "FIFO"):
					want = "0 characters, expected 32"
				}
				for _, script := range []bool{false, true} {
					start := time.Now()
					cmd, stdin, times := exec.Command(program, strings.Fields(command)...), "", 1
					if script {
						cmd, stdin, times = exec.Command(program, "-k"), command+"\n"+command+"\n", 2
					}
					r := runCommand(t, cmd, stdin)
					if took := time.Since(start); took > 10*time.Second {
						t.Errorf("took %v", took)
					}
					switch {
					case want == "" && f.name == "key file": // it is read, and is the wrong key
						if r.status != 1 || !strings.Contains(r.stderr, "wrong key") {
							t.Errorf("%v", r)
						}
					case want == "":
						if r.status != 0 {
							t.Errorf("%v", r)
						}
					case r.status != 1 || strings.Count(r.stderr, want) < times || strings.Count(r.stderr, path) < times:
						t.Errorf("want %q of %s: %v", want, path, r)
					}
				}
			})
		}
	}
}

// TestOpenStreams names files of every kind that cannot be read or written, where
// the user may name a file or a pipe.
func TestOpenStreams(t *testing.T) {
	t.Parallel()
	for _, k := range safefiletest.Kinds("help\n") {
		if k.Followed == "" || strings.HasSuffix(k.Name, "FIFO") || k.Name == "device" {
			continue // it can be read; what waits for the end of a FIFO has a test of its own
		}
		path := filepath.Join(t.TempDir(), "it")
		k.Make(t, path)
		for _, line := range []string{"source " + path, "help > " + path, "help >> " + path} {
			if k.Name == "dangling link" && line != "source "+path {
				continue // it makes the file
			}
			if r := runCommand(t, exec.Command(program), line+"\n"); r.status == 0 || !strings.Contains(r.stderr, path+": ") || !strings.Contains(r.stderr, k.Followed) {
				t.Errorf("%s: %s: %v", k.Name, line, r)
			}
		}
		if r := run(t, "-f", path); r.status == 0 || !strings.Contains(r.stderr, path+": ") || !strings.Contains(r.stderr, k.Followed) {
			t.Errorf("%s: -f: %v", k.Name, r)
		}
	}
}

// TestHistoryKinds opens the prompt with every kind of file as the history. It
// says that no lines are kept, works, and leaves what is there alone.
func TestHistoryKinds(t *testing.T) {
	t.Parallel()
	for _, k := range safefiletest.Kinds("show status\n") {
		t.Run(k.Name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			path := home + "/.local/state/smtpctl/history"
			os.MkdirAll(filepath.Dir(path), 0o700)
			k.Make(t, path)
			before, err := os.Lstat(path)
			if err != nil {
				t.Fatal(err)
			}
			x := openTerminalIn(t, home, nil, "--demo=3")
			if k.Is != "" {
				x.expect("(?s)lines are not kept: history: .*" + promptRE)
			} else {
				x.expect(promptRE)
			}
			x.run("show status", "MTA running")
			x.keys("exit\r")
			x.ended(0)
			after, err := os.Lstat(path)
			if err != nil || after.Mode() != before.Mode() && k.Is != "" {
				t.Errorf("mode %v, before %v, %v", after.Mode(), before.Mode(), err)
			}
		})
	}
}

// TestPromptOpenFiles asks at the prompt for mail in the place of whose files
// there is something else, and ends the prompt by a signal.
func TestPromptOpenFiles(t *testing.T) {
	t.Parallel()
	spool, socket := t.TempDir(), t.TempDir()+"/none"
	kinds := safefiletest.Kinds("x")
	for i, k := range kinds {
		dir := spool + "/queue/ab/abcd000" + string(rune('0'+i))
		os.MkdirAll(dir, 0o700)
		k.Make(t, dir+"/message")
	}
	x := openTerminal(t, "--socket", socket, "--spool", spool)
	// The prompt is painted anew once it is known that nobody answers.
	x.expect(`smtpctl[^>]*> $`)
	for i, k := range kinds {
		if k.Is != "" {
			x.run("show message abcd000"+string(rune('0'+i)), "it is (?:\\s*)"+strings.ReplaceAll(k.Is, " ", `\s+`))
		}
	}
	x.cmd.Process.Signal(syscall.SIGTERM)
	x.ended(128 + int(syscall.SIGTERM))
}

// TestDemoSocket makes the socket of a demo where others may look for it, with a
// umask that hides nothing. Something else is never replaced.
func TestDemoSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "s")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := dir + "/s"
	line := startProcess(t, exec.Command("sh", "-c", `umask 0; exec "$0" --demo=3 --listen "$1"`, program, socket), os.Interrupt)
	info, err := os.Lstat(socket)
	if err != nil || info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
	words := strings.Fields(line)
	if info, err := os.Stat(filepath.Dir(words[len(words)-1])); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v, %v", info, err)
	}
	for i, k := range safefiletest.Kinds("x") {
		path := dir + "/" + string(rune('a'+i))
		k.Make(t, path)
		before, _ := os.Lstat(path)
		r := run(t, "--demo=3", "--listen", path)
		after, err := os.Lstat(path)
		if r.status != 1 || err != nil || after.Mode() != before.Mode() {
			t.Errorf("%s: %v, then %v, %v", k.Name, r, after, err)
		}
	}
}
