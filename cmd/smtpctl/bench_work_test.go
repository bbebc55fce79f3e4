package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"smtpctl/protocol/realsmtpd"
)

// measured runs the program, prints how long it took and its peak memory, and returns
// what it wrote.
func measured(t *testing.T, what string, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := exec.Command(program, args...)
	cmd.Stderr = &stderr
	begun := time.Now()
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%q: %v, %s", args, err, stderr.String())
	}
	fmt.Printf("%-60s %10s   resident memory %d MB at most\n", what, ms(time.Since(begun)), cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss>>10)
	return string(out)
}

// benchRestore measures how n messages of one recipient are removed with copies, and
// restored.
func benchRestore(t *testing.T, n int) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Plant: planted(n)})
	d.WaitQueued(n)
	dir := filepath.Join(t.TempDir(), "copies")
	opts := []string{"--socket", d.Socket, "--spool", d.Spool}
	wantCount(t, measured(t, fmt.Sprintf("remove --save, %d messages", n), append(opts, "remove", "all", "--save", dir)...), n, "removed")
	d.WaitQueued(0)
	check(t, "copies", measured(t, fmt.Sprintf("show queue --from, %d copies", n), append(opts, "show", "queue", "--from", dir)...), n)
	wantCount(t, measured(t, fmt.Sprintf("restore, %d copies", n), append(opts, "restore", dir)...), n, "restored")
	check(t, "restored", measured(t, "show queue, afterwards", append(opts, "show", "queue")...), n)
}

// benchRequeue measures how n messages of one recipient are given to smtpd anew.
func benchRequeue(t *testing.T, n int) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Plant: planted(n)})
	d.WaitQueued(n)
	opts := []string{"--socket", d.Socket, "--spool", d.Spool}
	check(t, "requeued", measured(t, fmt.Sprintf("requeue, %d messages", n), append(opts, "requeue", "to=*")...), n)
	check(t, "afterwards", measured(t, "show queue, afterwards", append(opts, "show", "queue")...), n)
}

// benchContent measures selections and groupings by what n messages hold, and explain.
func benchContent(t *testing.T, n int) {
	plant := planted(n)
	for i := range plant {
		plant[i].Body = fmt.Sprintf("From: s%d@x.example\nSubject: offer %d\nList-Id: <news%d.example>\n\n%sthe end of %d\n", i, i%100, i%10, strings.Repeat("some words of it\n", 100), i)
	}
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}, Plant: plant})
	d.WaitQueued(n)
	opts := []string{"--socket", d.Socket, "--spool", d.Spool}
	for _, tt := range []struct {
		lines int
		words []string
	}{
		{n / 100, []string{"show", "queue", "subject=offer 7"}},
		{n / 10, []string{"show", "queue", "header:List-Id=*news3*"}},
		{1, []string{"show", "queue", "body~end of 1977"}},
		{n, []string{"show", "queue", "size=1k-"}},
		{100, []string{"show", "queue", "by", "subject"}},
	} {
		check(t, tt.words[2], measured(t, fmt.Sprintf("%s, %d messages", strings.Join(tt.words, " "), n), append(opts, tt.words...)...), tt.lines)
	}
	if out := measured(t, fmt.Sprintf("explain domain=temp.example, %d messages", n), append(opts, "explain", "domain=temp.example")...); out == "" {
		t.Error("explain says nothing")
	}
}

// benchLog measures the story of an address in a log of so many bytes.
func benchLog(t *testing.T, size int64) {
	path := filepath.Join(t.TempDir(), "maillog")
	mails := writeLog(t, path, size)
	out := measured(t, fmt.Sprintf("show log of an address, %d MB, %d mails", size>>20, mails), "show", "log", "--log", path, "wanted@far.example")
	if n := strings.Count(out, "delivered by"); n != 3 {
		t.Errorf("%d deliveries, want 3: %.2000s", n, out)
	}
}

// writeLog writes a log of about so many bytes, in which one mail at its beginning, one in
// the middle and one at its end went to wanted@far.example. It returns how many there are.
func writeLog(t *testing.T, path string, size int64) (mails int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	start := time.Now().Add(-24 * time.Hour)
	const perMail = 660 // bytes, about
	last := int(size / perMail)
	for ; mails <= last; mails++ {
		to := fmt.Sprintf("user%d@near%d.example", mails%5000, mails%100)
		if mails == 0 || mails == last/2 || mails == last {
			to = "wanted@far.example"
		}
		at := start.Add(time.Duration(mails) * 50 * time.Millisecond).UTC().Format(time.RFC3339)
		session, id := 0x1bae000000000000+mails*16, fmt.Sprintf("%08x%08x", mails+1, 0x8d25c8a3)
		fmt.Fprintf(w, "%[1]s mx smtpd[7]: %016[2]x smtp connected address=192.0.2.%[3]d host=client%[3]d.example\n"+
			"%[1]s mx smtpd[7]: %016[2]x smtp message msgid=%.8[4]s size=2510 nrcpt=1 proto=ESMTP\n"+
			"%[1]s mx smtpd[7]: %016[2]x smtp envelope evpid=%[4]s from=<s%[3]d@x.example> to=<%[5]s>\n"+
			"%[1]s mx smtpd[7]: %016[2]x smtp disconnected reason=quit\n"+
			"%[1]s mx smtpd[7]: %016[6]x mta delivery evpid=%[4]s from=<s%[3]d@x.example> to=<%[5]s> rcpt=<-> source=\"192.0.2.1\" relay=\"198.51.100.2 (mx.far.example)\" delay=1s result=\"Ok\" stat=\"250 2.0.0 taken\"\n",
			at, session, mails%250, id, to, session+8)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return mails
}
