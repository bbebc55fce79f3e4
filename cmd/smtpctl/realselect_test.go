package main

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/realsmtpd"
)

// A mixed is a planted envelope with what smtpctl's lines do not show of it.
type mixed struct {
	id, src, host, helo, user, tag string
}

var (
	mixedDomains = []string{"gmail.example", "gmial.example", "mail.gmail.example", "Example.ORG", "example.com", "x.example"}
	mixedSenders = []string{"news@list.example", "News@List.example", "alice@home.example", "bob@home.example", "", "spam@bad.example"}
	mixedErrors  = []string{"", "", "451 4.7.1 greylisted", "No MX found for domain", "550 5.1.1 User unknown", "Network error on destination MXs", "no mx"}
	mixedSources = []string{"192.0.2.1", "192.0.2.77", "198.51.100.3", "[2001:db8::5]", "local"}
)

// mixedQueue makes up n envelopes of all kinds, in messages of one to four. Their
// ages are never near a multiple of ten minutes.
func mixedQueue(r *rand.Rand, n int) ([]realsmtpd.Planted, map[string]mixed) {
	pick := func(list []string) string { return list[r.IntN(len(list))] }
	now := time.Now().Unix()
	var all []realsmtpd.Planted
	known := map[string]mixed{}
	for msg := uint32(1); len(all) < n; msg++ {
		sender, src := pick(mixedSenders), pick(mixedSources)
		created := now - int64(r.IntN(400))*600 - 300
		for i := range 1 + r.IntN(4) {
			id := protocol.EnvelopeID(uint64(msg*2654435761)<<32 | uint64(i+1))
			m := mixed{id: id.String(), src: strings.Trim(src, "[]"), host: pick([]string{"a.client.example", "b.client.example"}),
				helo: pick([]string{"a", "b", "c"}), user: pick([]string{"", "alice", "bob"}), tag: pick([]string{"", "SUB", "LOCAL"})}
			known[m.id] = m
			kind := pick([]string{"mta", "mta", "mta", "mda", "bounce"})
			to := fmt.Sprintf("u%d@%s", r.IntN(50), pick(mixedDomains))
			dest := to
			if r.IntN(5) == 0 {
				dest = fmt.Sprintf("v%d@%s", r.IntN(50), pick(mixedDomains))
			}
			text := fmt.Sprintf("version: 3\ndispatcher: relay\ntype: %s\nsmtpname: mx.example\nhelo: %s\nhostname: %s\nerrorline: %s\nsockaddr: %s\n"+
				"sender: %s\nrcpt: %s\ndest: %s\nctime: %d\nlast-try: %d\nretry: %d\nusername: %s\ntag: %s\n",
				kind, m.helo, m.host, pick(mixedErrors), src, sender, to, dest, created, now, 180+r.IntN(9), m.user, m.tag)
			if kind == "bounce" {
				text += "bounce-type: failed\nbounce-ttl: 0\nbounce-delay: 0\n"
			}
			if kind == "mda" {
				text += "mda-exec: \nmda-user: root\n"
			}
			all = append(all, realsmtpd.Planted{ID: id, Text: text, Body: "Subject: mixed\n\n"})
		}
	}
	return all, known
}

// A condition is a term, and the same for awk on smtpctl's lines; or, for what
// they do not show, for what was planted.
type condition struct {
	term string
	awk  string
	of   func(mixed) bool
}

// randomCondition makes up a term.
func randomCondition(r *rand.Rand) condition {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	glob := func(g string) string {
		re := regexp.QuoteMeta(strings.ToLower(g))
		return "^" + strings.ReplaceAll(strings.ReplaceAll(re, `\*`, ".*"), `\?`, ".") + "$"
	}
	var c condition
	switch r.IntN(16) {
	case 0:
		v := pick("*@list.example", "news@*", "alice@home.example", "*spam*", "?ob@*", "?")
		c = condition{term: "from=" + v, awk: fmt.Sprintf(`tolower($5) ~ /%s/`, glob(v))}
	case 1:
		v := pick("@home.example", "@list.example", "@bad.example")
		c = condition{term: "from=" + v, awk: fmt.Sprintf(`tolower($5) ~ /%s$/`, regexp.QuoteMeta(v))}
	case 2:
		c = condition{term: "from=<>", awk: `$5 == "@"`}
	case 3:
		v := pick("u1*@*", "*@gmail.example", "v?@*", "u7@example.com")
		c = condition{term: "to=" + v, awk: fmt.Sprintf(`(tolower($6) ~ /%[1]s/ || tolower($7) ~ /%[1]s/)`, glob(v))}
	case 4:
		v := pick("gmial.example", "*.gmail.example", "example.*", "*mail*", "example.org")
		c = condition{term: "domain=" + v, awk: fmt.Sprintf(`tolower(substr($7, index($7, "@")+1)) ~ /%s/`, glob(v))}
	case 5:
		v := pick("*no mx*", "", "*greylisted", "*5.1.1*", "network error*")
		if v == "" {
			return condition{term: "error!=?*", awk: `$14 == ""`}
		}
		c = condition{term: "error=" + v, awk: fmt.Sprintf(`tolower($14) ~ /%s/`, glob(v))}
	case 6:
		v := pick("No MX", "^4|^5", "User unknown$", "[0-9]")
		c = condition{term: "error~" + v, awk: fmt.Sprintf(`$14 ~ /%s/`, v)}
	case 7:
		c = pickCondition(r, condition{term: "state=suspended", awk: `$4 ~ /suspend/`}, condition{term: "state=inflight", awk: `$12 == "inflight"`},
			condition{term: "state=held", awk: `$4 ~ /hold/`}, condition{term: "state=pending", awk: `($12 == "pending" && $4 !~ /suspend|hold/)`})
	case 8:
		v := pick("mta", "mda", "bounce")
		c = condition{term: "type=" + v, awk: fmt.Sprintf(`$3 == "%s"`, v)}
	case 9:
		n := r.IntN(400)
		c = pickCondition(r, condition{term: fmt.Sprintf("older=%dm", n*10), awk: fmt.Sprintf(`now - $8 >= %d`, n*600)},
			condition{term: fmt.Sprintf("newer=%dm", n*10), awk: fmt.Sprintf(`now - $8 <= %d`, n*600)})
	case 10:
		lo, hi := 180+r.IntN(5), 184+r.IntN(5)
		c = pickCondition(r, condition{term: fmt.Sprintf("tries=%d", lo), awk: fmt.Sprintf(`$11 == %d`, lo)},
			condition{term: fmt.Sprintf("tries=%d-", lo), awk: fmt.Sprintf(`$11 >= %d`, lo)},
			condition{term: fmt.Sprintf("tries=-%d", hi), awk: fmt.Sprintf(`$11 <= %d`, hi)},
			condition{term: fmt.Sprintf("tries=%d-%d", lo, hi), awk: fmt.Sprintf(`($11 >= %d && $11 <= %d)`, lo, hi)})
	case 11:
		n := 86400 * (1 + r.IntN(140))
		c = pickCondition(r, condition{term: fmt.Sprintf("next=%d", n), awk: fmt.Sprintf(`($12 == "pending" && $13 <= %d)`, n)},
			condition{term: fmt.Sprintf("next=%d-", n), awk: fmt.Sprintf(`($12 == "pending" && $13 >= %d)`, n)})
	case 12:
		v := pick("192.0.2.0/24", "198.51.100.3", "2001:db8::/32", "local", "192.0.2.*")
		c = condition{term: "src=" + v, of: func(m mixed) bool {
			return m.src == v || v == "192.0.2.0/24" && strings.HasPrefix(m.src, "192.0.2.") || v == "192.0.2.*" && strings.HasPrefix(m.src, "192.0.2.") ||
				v == "2001:db8::/32" && strings.HasPrefix(m.src, "2001:db8:")
		}}
	case 13:
		v := pick("a", "b", "c")
		c = condition{term: "helo=" + v, of: func(m mixed) bool { return m.helo == v }}
	case 14:
		v := pick("alice", "bob")
		c = condition{term: "user=" + v, of: func(m mixed) bool { return m.user == v }}
	default:
		c = pickCondition(r, condition{term: "tag=sub", of: func(m mixed) bool { return m.tag == "SUB" }},
			condition{term: "host=b.*", of: func(m mixed) bool { return m.host == "b.client.example" }})
	}
	if r.IntN(3) == 0 { // the contrary
		i := strings.IndexAny(c.term, "=~")
		c.term = c.term[:i] + "!" + c.term[i:]
		if c.awk != "" {
			c.awk = "!(" + c.awk + ")"
		} else {
			of := c.of
			c.of = func(m mixed) bool { return !of(m) }
		}
	}
	return c
}

func pickCondition(r *rand.Rand, list ...condition) condition { return list[r.IntN(len(list))] }

// selectedBoth returns the ids that this program selects by terms, and those that
// awk selects of lines of show queue, of which the conditions hold.
func selectedBoth(t *testing.T, d *realsmtpd.Daemon, terms []string, program, lines string, known map[string]mixed, conds []condition) (got, want []string) {
	t.Helper()
	got = strings.Fields(cutField(ours(t, d, "", append([]string{"show", "queue"}, terms...)...).stdout))
	cmd := exec.Command("awk", "-F|", "-v", fmt.Sprintf("now=%d", time.Now().Unix()), program+" {print $1}")
	cmd.Stdin = strings.NewReader(lines)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("awk %q: %v", program, err)
	}
	for _, id := range strings.Fields(string(out)) {
		if !slices.ContainsFunc(conds, func(c condition) bool { return c.of != nil && !c.of(known[id]) }) {
			want = append(want, id)
		}
	}
	return got, want
}

// TestRealSelect compares what random terms select on a real smtpd with what awk
// selects of the lines of OpenSMTPD's smtpctl, and then acts on what is selected.
func TestRealSelect(t *testing.T) {
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	planted, known := mixedQueue(r, 5000)
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta", "-P", "mda"}, Plant: planted})
	d.WaitQueued(len(planted))
	for range 5 {
		id := planted[r.IntN(len(planted))].ID.Msg().String()
		ours(t, d, "", "pause", "envelope", id)
	}
	lines := theirs(d, "", "show", "queue").stdout
	seen := map[bool]int{}
	for range 100 {
		var terms, awks []string
		var conds []condition
		for range 1 + r.IntN(3) {
			c := randomCondition(r)
			conds = append(conds, c)
			terms = append(terms, c.term)
			if c.awk != "" {
				awks = append(awks, c.awk)
			}
		}
		program := "1"
		if len(awks) > 0 {
			program = strings.Join(awks, " && ")
		}
		got, want := selectedBoth(t, d, terms, program, lines, known, conds)
		if !slices.Equal(got, want) { // an envelope may have come of age since the lines were listed
			lines = theirs(d, "", "show", "queue").stdout
			got, want = selectedBoth(t, d, terms, program, lines, known, conds)
		}
		seen[len(want) > 0]++
		if !slices.Equal(got, want) {
			t.Errorf("%q: %d envelopes, awk %q has %d", terms, len(got), program, len(want))
		}
	}
	if seen[true] < 30 {
		t.Errorf("only %d selections were not empty", seen[true])
	}

	// Act on a selection: the right set, true counts.
	select1 := []string{"domain=gmial.example", "error~No MX"}
	want := strings.Fields(cutField(ours(t, d, "", append([]string{"show", "queue"}, select1...)...).stdout))
	dry := ours(t, d, "", append([]string{"remove", "-n"}, select1...)...)
	if got := strings.Fields(cutField(dry.stdout)); !slices.Equal(got, want) || !strings.Contains(dry.stderr, fmt.Sprintf("%d envelopes would be removed; nothing was", len(want))) {
		t.Errorf("dry run: %d of %d, %s", len(got), len(want), dry.stderr)
	}
	if res := ours(t, d, "", append([]string{"remove", "--expect", "1"}, select1...)...); res.status != 1 || !strings.Contains(res.stderr, "1 expected: nothing done") {
		t.Errorf("--expect 1: %v", res)
	}
	dir := t.TempDir()
	res := ours(t, d, "", append([]string{"remove", "--save", dir, "--expect", fmt.Sprint(len(want))}, select1...)...)
	if res.stdout != fmt.Sprintf("%d envelopes removed\n", len(want)) || res.status != 0 {
		t.Errorf("remove: %v", res)
	}
	d.WaitQueued(len(planted) - len(want))
	left := strings.Fields(cutField(ours(t, d, "", "show", "queue").stdout))
	for _, id := range want {
		if _, found := slices.BinarySearch(left, id); found {
			t.Errorf("%s is still there", id)
		}
		for _, name := range []string{id, "message"} {
			if out, err := exec.Command("test", "-s", dir+"/"+id[:8]+"/"+name).CombinedOutput(); err != nil {
				t.Errorf("%s of %s was not saved: %s", name, id, out)
			}
		}
	}
	// Ids on standard input, as smtpctl's own lines and as they are.
	var some strings.Builder
	for line := range strings.Lines(ours(t, d, "", "show", "queue", "type=mta", "limit=50").stdout) {
		some.WriteString(line)
	}
	some.WriteString("\nffffffffffffffff\n")
	res = ours(t, d, some.String(), "remove", "-")
	if res.stdout != "50 envelopes removed\n" || res.status != 0 || !strings.Contains(res.stderr, "1 id is not in the queue") {
		t.Errorf("remove -: %v", res)
	}
	if res = ours(t, d, some.String(), "remove", "-"); res.status != 1 || !strings.Contains(res.stderr, "none of the 51 ids") {
		t.Errorf("remove - again: %v", res)
	}
	if !d.Running() {
		t.Errorf("smtpd exited: %s", d.Log())
	}
}

// TestRealConfirmed lets mail come and go between the question and the answer: no
// envelope that was not counted is touched.
func TestRealConfirmed(t *testing.T) {
	d := realsmtpd.Start(t, realsmtpd.Config{Args: []string{"-P", "mta"}})
	spam := func(n int) {
		var mails []realsmtpd.Mail
		for i := range n {
			mails = append(mails, realsmtpd.Mail{From: fmt.Sprintf("s%d@spam.example", i), To: []string{fmt.Sprintf("r%d@temp.example", i), "two@temp.example"}},
				realsmtpd.Mail{From: "good@home.example", To: []string{"r@temp.example"}})
		}
		d.Send(mails...)
	}
	spam(30)
	d.WaitQueued(90)
	x := openTerminal(t, "--socket", d.Socket, "--spool", d.Spool)
	x.expect(`smtpctl \[mta paused\]> $`)
	x.keys("remove from=@spam.example\r")
	x.expect(`remove: 60 envelopes(?s).*remove them\? \[y/N\] $`)
	before := strings.Fields(cutField(ours(t, d, "", "show", "queue", "from=@spam.example").stdout))
	spam(20) // the same again
	ours(t, d, "", "remove", before[7])
	x.keys("y\r")
	x.expect(`59 envelopes removed(?s).*1 envelope left the queue meanwhile(?s).*\]> $`)
	d.WaitQueued(90 - 60 + 60)
	if after := ours(t, d, "", "show", "queue", "from=@spam.example").stdout; strings.Count(after, "\n") != 40 {
		t.Errorf("%d of the later ones left, want 40", strings.Count(after, "\n"))
	}
	x.keys("remove from=@spam.example\r")
	x.expect(`remove: 40 envelopes(?s).*\[y/N\] $`)
	x.keys("n\r")
	x.expect(`not confirmed, nothing done`)
	x.run("remove -y from=@spam.example", "40 envelopes removed")
	x.keys("exit\r")
	x.ended(0)
}
