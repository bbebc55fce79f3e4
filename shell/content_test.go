package shell

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
	"smtpctl/shell/command"
)

// contents are messages, of which each is the message of the id that it stands at.
var contents = []string{
	0: "Subject: Cheap  =?utf-8?Q?w=C3=A4tches?=\nList-Id: <news.example>\n\nBuy now\n",
	1: "subject : folded\n\t over lines\r\nX-A: 1\nX-A: 2\n\nbody of two\n",
	2: "Received: x\n\nno subject at all; Subject: in the body\n",
	3: "Subject: =?windows-1251?B?z/Do4uXy?= and =?koi8-r?B?8NLJ18XU?=\r\n\r\nbinary \x00\xff\n",
	4: "Subject: =?no-such?Q?raw?= =?utf-8?Q?=1B[31m?=\n",
	5: "no header line\nSubject: not one\n\n",
	6: "",
	7: "Subject: long\n\n" + strings.Repeat("x", 200<<10) + "needle\n",
	8: "Subject: " + strings.Repeat("y", 400<<10) + "\n\nbehind\n",
	9: "\nSubject: in the body\n",
}

// newContentTest returns a queue of these messages, of two envelopes each.
func newContentTest(t *testing.T) *queueTest {
	q := newQueueTest(t)
	if err := q.s.Eval(context.Background(), "remove all"); err != nil {
		t.Fatal(err)
	}
	for i, text := range contents {
		for j := range 2 {
			q.sim.Add(smtpdsim.Envelope{ID: protocol.EnvelopeID(uint64(i+1)<<32 | uint64(j+1)), Time: time.Now().Unix() + 3600,
				Text: fmt.Sprintf("version: 3\ntype: mta\ndispatcher: d%d\nsender: a@x.example\nrcpt: r%d@y.example\ndest: r%d@y.example\nctime: %d\n", j, j, j, time.Now().Unix()-3600)})
		}
		if err := os.WriteFile(q.sp.MessagePath(protocol.MessageID(i+1)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	q.s.opts.Output = command.FormatJSON
	return q
}

// selects returns the messages, counted from 0, whose envelopes a selector selects.
func (q *queueTest) selects(terms string) (msgs []int, err error) {
	before := len(q.out.String())
	err = q.s.Eval(context.Background(), "show queue "+terms)
	q.s.out.Flush()
	for d := json.NewDecoder(strings.NewReader(q.out.String()[before:])); d.More(); {
		var e struct{ ID string }
		if err := d.Decode(&e); err != nil {
			q.Fatal(err)
		}
		id, _ := protocol.ParseEnvelopeID(e.ID)
		msgs = append(msgs, int(id.Msg())-1)
	}
	return slices.Compact(msgs), err
}

// TestSelectByContent selects mail by what its message holds.
func TestSelectByContent(t *testing.T) {
	t.Parallel()
	q := newContentTest(t)
	for terms, want := range map[string][]int{
		"subject=cheap*WÄTCHES": {0}, "subject~w.tches$": {0}, "subject='folded over lines'": {1}, "subject!=?*": {2, 5, 6, 9},
		"subject='привет and привет'": {3}, "subject~raw": {4}, "subject=*'\x1b[31m'": {4}, "subject=long size=100k-": {7},
		"header:list-id=*news*": {0}, "header:LIST-ID~example": {0}, "HEADER:x-a=1": {1}, "header:x-a=2": {1}, "header:x-a=3": {},
		"header:x-a!=?*": {0, 2, 3, 4, 5, 6, 7, 9}, "header:Received=x": {2}, "subject=in*": {},
		"size=0": {6}, "size=-10": {6}, "size=1-30": {9}, "size=100k-": {7, 8}, "size=300k-1m": {8}, "size!=100k-": {0, 1, 2, 3, 4, 5, 6, 9},
		"body~needle": {7}, "body~'(?i)BUY'": {0}, "body~Subject": {2, 9}, `'body~\x00'`: {3}, "body!~.": {4, 5, 6}, "size=1k- body~needle": {7},
		"dispatcher=d0": {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, "dispatcher=d2": {}, "subject=long dispatcher=d1": {7},
		"00000008 subject=long": {7}, "00000007 subject=long": {}, "subject~y{200}": {},
	} {
		got, err := q.selects(terms)
		if err != nil && !(len(want) == 0 && strings.Contains(err.Error(), "no such id")) || !slices.Equal(got, want) && len(got)+len(want) > 0 {
			t.Errorf("%s: %v, want %v: %v, %s", terms, got, want, err, q.errs.String())
		}
	}
	for terms, want := range map[string]string{
		"header=x": "expected the name of a header field", "header:=x": "expected the name of a header field after header:", "header:a:b=x": "after header:",
		"body=x": "expected ~ and a regular expression", "'body~('": "bad regular expression", "subject~[": "bad regular expression",
		"size~1": "size takes = and !=", "size=x": "expected a number of bytes", "size=-": "expected a number", "size=2k-1k": "the first number is larger", "size=-1x": "expected a number of bytes",
		"size=9223372036854775807k": "expected a number of bytes", "expires=x": "expected a time", "expires~x": "takes = and !=",
	} {
		if _, err := q.selects(terms); err == nil || !strings.Contains(err.Error(), want) || command.Status(err) != command.StatusUsage {
			t.Errorf("%s: %v", terms, err)
		}
	}
}

// TestSelectByExpiry selects mail by when smtpd gives it up, which smtpd.conf decides.
func TestSelectByExpiry(t *testing.T) {
	t.Parallel()
	q := newContentTest(t)
	if err := os.WriteFile(q.s.conf, []byte("action d0 relay ttl 2h\naction d1 relay\nmatch any action d0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for terms, want := range map[string]int{"expires=90m": 10, "expires=30m": 0, "expires=90m dispatcher=d0": 10, "expires=90m dispatcher=d1": 0, "expires=30m-90m": 10, "expires=1d-": 10, "expires!=90m dispatcher=d1": 10} {
		if got, err := q.selects(terms); err != nil || len(got) != want {
			t.Errorf("%s: %v, %v", terms, got, err)
		}
	}
	os.Remove(q.s.conf)
	if _, err := q.selects("expires=1d"); err == nil || !strings.Contains(err.Error(), "expires= needs the ttl from smtpd.conf") {
		t.Errorf("without smtpd.conf: %v", err)
	}
}

// TestActByContent acts on mail by what its message holds: on nothing at all where a
// message cannot be read, and not on what has just gone.
func TestActByContent(t *testing.T) {
	t.Parallel()
	q := newContentTest(t)
	act := func(line string) (out, errs string, err error) {
		o, e := len(q.out.String()), len(q.errs.String())
		err = q.s.Eval(context.Background(), line)
		q.s.out.Flush()
		return q.out.String()[o:], q.errs.String()[e:], err
	}
	if out, _, err := act("pause envelope subject=long"); err != nil || !strings.Contains(out, `"done":2`) {
		t.Errorf("%s, %v", out, err)
	}
	if out, _, err := act("pause envelope subject!~'(long|^y)' body~."); err != nil || !strings.Contains(out, `"done":10`) {
		t.Errorf("%s, %v", out, err)
	}
	os.Remove(q.sp.MessagePath(1))
	for _, line := range []string{"resume envelope subject~. body~needle", "show queue subject=long", "show queue by subject", "wait empty subject=none for 1m"} {
		if out, _, err := act(line); err == nil || !strings.Contains(err.Error(), "message 00000001 of smtpd is not in ") || strings.Contains(out, `"done":2`) {
			t.Errorf("%s with a message that smtpd has and the spool has not: %s, %v", line, out, err)
		}
	}
	os.WriteFile(q.sp.MessagePath(1), []byte(contents[0]), 0o600)
	for _, line := range []string{"resume envelope subject=*", "resume envelope subject!=long", "remove size=0-", "schedule body!~nothing", "show queue by subject", "wait header:x=y for 1m"} {
		if err := os.Remove(q.sp.MessagePath(2)); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(q.sp.MessagePath(2), 0o700); err != nil {
			t.Fatal(err)
		}
		before := q.sim.Requests(protocol.TypeRemove) + q.sim.Requests(protocol.TypeResumeEnvelope) + q.sim.Requests(protocol.TypeSchedule)
		if _, _, err := act(line); err == nil || !strings.Contains(err.Error(), "the message cannot be read, so terms for its content match nothing") {
			t.Errorf("%s: %v", line, err)
		}
		if after := q.sim.Requests(protocol.TypeRemove) + q.sim.Requests(protocol.TypeResumeEnvelope) + q.sim.Requests(protocol.TypeSchedule); after != before {
			t.Errorf("%s: %d requests", line, after-before)
		}
		os.Remove(q.sp.MessagePath(2))
		os.WriteFile(q.sp.MessagePath(2), []byte("Subject: two\n\n"), 0o600)
	}
	q.s.opts.Spool = t.TempDir()
	if _, _, err := act("remove subject!=long"); err == nil || !strings.Contains(err.Error(), "the message cannot be read") {
		t.Errorf("no spool: %v", err)
	}
}

// TestCutContent selects nothing by what stands behind what is looked at of a message,
// neither by a term nor by its negation.
func TestCutContent(t *testing.T) {
	t.Parallel()
	q := newContentTest(t)
	for id, text := range map[protocol.MessageID]string{
		1: "X-Pad: " + strings.Repeat("p ", 140<<10) + "\nSubject: Newsletter\n\nbody\n",
		2: "Subject: b\n\nneedle " + strings.Repeat("x", 1500<<10) + " thread\n",
		3: "Subject: b\n\nneedle " + strings.Repeat("x", 1100<<10) + " thread\n",
		5: "X-Pad: " + strings.Repeat("p", 256<<10-len("X-Pad: ")-len("\nSubject: News")) + "\nSubject: Newsletter\n\n",
		4: "Subject: one\nSubject: two\n\n",
	} {
		if err := os.WriteFile(q.sp.MessagePath(id), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const cut = "whose message is too long"
	for terms, want := range map[string]string{
		"00000001 subject=Newsletter": cut, "00000001 subject!=Newsletter": cut, "00000001 subject!=?*": cut, "00000001 header:x-pad!=p*": cut, "00000001 header:x-pad=p*": cut,
		"00000002 body~thread": cut, "00000002 body!~thread": cut, "00000002 body~x$": cut, "00000002 body!~x$": cut, `00000002 "body~needle x+"`: cut, "00000002 body!~needle": "", "00000003 body~thread": cut, "00000003 body!~thread": cut,
		"00000005 subject=News": cut, "00000005 subject!=Newsletter": cut, "00000005 subject!=x": cut,
		"00000004 subject=two": "", "00000004 header:subject!=two": "",
	} {
		before := len(q.errs.String())
		if got, _ := q.selects(terms); len(got) > 0 || !strings.Contains(q.errs.String()[before:], want) {
			t.Errorf("%s selects %v: %s", terms, got, q.errs.String()[before:])
		}
	}
	for _, terms := range []string{"00000002 body~needle", `00000002 "body~needle x"`, "00000004 subject=one", "00000004 header:subject=two"} {
		if got, err := q.selects(terms); len(got) != 1 || err != nil {
			t.Errorf("%s selects %v: %v", terms, got, err)
		}
	}
	if err := q.s.Eval(context.Background(), "wait empty 00000002 body!~thread for 1m"); err == nil || !strings.Contains(err.Error(), "cannot tell whether the terms match 2 envelopes") {
		t.Errorf("wait empty: %v", err)
	}
}

// TestLongSubjects groups long subjects by their beginning, which selects the group.
func TestLongSubjects(t *testing.T) {
	t.Parallel()
	q := newContentTest(t)
	for i, n := range []int{299, 300, 301, 5000, 100_000} {
		if err := os.WriteFile(q.sp.MessagePath(protocol.MessageID(i+1)), []byte("Subject: "+strings.Repeat("É", n)+"\n\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := len(q.out.String())
	if err := q.s.Eval(context.Background(), "show queue by subject 00000001 00000002 00000003 00000004 00000005"); err != nil {
		t.Fatal(err)
	}
	q.s.out.Flush()
	var counts []int
	for d := json.NewDecoder(strings.NewReader(q.out.String()[before:])); d.More(); {
		var g struct {
			Name, Select string
			Count        int
		}
		if err := d.Decode(&g); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, g.Count)
		if got, err := q.selects(g.Select); err != nil || 2*len(got) != g.Count || len(g.Name) > 1200 {
			t.Errorf("a group of %d with a name of %d bytes: selected %v, %v", g.Count, len(g.Name), got, err)
		}
	}
	if !slices.Equal(counts, []int{8, 2}) {
		t.Errorf("groups of %v", counts)
	}
}
