package shell

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"

	"smtpctl/completer"
	"smtpctl/completer/grammar"
	"smtpctl/protocol/fulltest"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
	"smtpctl/shell/commandtest"
	"smtpctl/shell/selector"
)

// An agreement compares what evaluation, completion, the history and ? make of lines.
type agreement struct {
	s    *Session
	p    *cmdline.Parser
	comp *completer.Completer
}

func newAgreement() *agreement {
	s := NewSession(command.DefaultOptions(), IO{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Env: func(string) string { return "" }})
	return &agreement{s: s, p: s.parser(), comp: s.completer(nil, nil)}
}

// check compares them at the end of a line that is being typed.
func (a *agreement) check(t *testing.T, typed string) {
	t.Helper()
	at := a.p.Place(typed)
	if at.Comment {
		tokens := grammar.Scan(typed)
		line, without := a.p.Parse(typed), a.p.Parse(typed[:tokens[len(tokens)-1].Start])
		if line.Err == nil && len(line.Commands) != len(without.Commands) {
			t.Errorf("%q: a comment is a command", typed)
		}
		return
	}
	whole := typed
	switch {
	case at.Word.Escape, at.Word.Open != 0 && !at.Word.InQuotes():
		return // what comes next is part of the word
	case at.Word.InQuotes():
		whole += string(rune(at.Word.Open))
	}
	line := a.p.Parse(whole)
	if line.Err != nil || at.Word.After != 0 {
		return // a redirection, or what sh would take
	}
	words := at.Before
	if at.Word.Raw != "" {
		words = append(words[:len(words):len(words)], at.Word.Text)
	}
	var last cmdline.LineCommand
	if len(words) > 0 {
		last = line.Commands[len(line.Commands)-1]
	}
	if !slices.Equal(last.Words, words) {
		t.Errorf("%q: carried out are %q, completed are %q", typed, last.Words, words)
		return
	}
	for i, tok := range last.Tokens {
		if tok.Text != last.Words[i] || !tok.Quoted && whole[tok.Start:tok.End] != tok.Text {
			t.Errorf("%q: word %d is %q, its token %+v", typed, i, last.Words[i], tok)
		}
	}
	if at.Word.Raw != "" {
		role := last.Args.Roles[len(last.Args.Roles)-1]
		if (role == cmdline.RoleValue) != (at.Flag != "") || (role == cmdline.RoleExact) != at.Exact {
			t.Errorf("%q: the last word has role %v, is the value of %q, is taken as it is: %v", typed, role, at.Flag, at.Exact)
		}
	}
	if at.Exact && at.Word.Text != "" && a.s.likeEncrypt(at.Words[0]) && keepInHistory(a.s, line) {
		t.Errorf("%q: a password is kept in the history", typed)
	}
	a.checkOffered(t, typed, &at)
	if at.Word.Raw == "" && at.Err == nil && at.Flag == "" && len(at.Words) > 0 {
		_, err := a.s.tree.Resolve(at.Words)
		if inner := a.s.tree.Inner(at.Words); len(inner) < len(at.Words) && len(inner) > 0 {
			_, err = a.s.tree.Resolve(inner)
		}
		if said := slices.Contains(a.helped(typed), "<enter>"); said != (err == nil) {
			t.Errorf("%q: evaluation says %v, ? says %q", typed, err, a.helped(typed))
		}
	}
}

// checkOffered takes each suggestion, and compares them with what ? says.
func (a *agreement) checkOffered(t *testing.T, typed string, at *grammar.Place) {
	t.Helper()
	offered := a.comp.Complete(*at).List
	for _, o := range offered {
		taken := a.p.Place(typed[:at.Word.Start] + o.Typed)
		if o.Text == o.Typed && strings.Contains(o.Text, " ") {
			continue // several words
		}
		if taken.Word.Text != o.Text || !slices.Equal(taken.Words, at.Words) || taken.Flag != at.Flag {
			t.Errorf("%q: %q is taken as %q after %q", typed, o.Typed, taken.Word.Text, taken.Words)
		}
	}
	helped := a.helped(typed)
	if _, _, _, term := selector.Split(at.Word.Text); term {
		return // ? explains the term
	}
	for _, o := range offered {
		if strings.HasPrefix(o.Text, at.Word.Text) && !strings.Contains(o.Text, " ") && !slices.Contains(helped, o.Text) {
			t.Errorf("%q: %q is offered, ? says %q", typed, o.Text, helped)
		}
	}
	for _, h := range helped {
		is := func(o completer.Suggestion) bool { return o.Text == h }
		all := h == "all" && len(offered) == 0 // it is never the first
		if strings.Contains(h, "=") || h == at.Every {
			continue // a setting, which live values offer, or what is offered after a dash
		}
		if h[0] != '<' && h != at.Word.Text && !all && !slices.ContainsFunc(offered, is) {
			t.Errorf("%q: ? says %q, offered are %v", typed, h, offered)
		}
	}
}

// helped returns the words that ? lists.
func (a *agreement) helped(typed string) []string {
	var out bytes.Buffer
	at := a.p.Place(typed)
	if err := a.s.printNext(&out, &at); err != nil {
		return nil
	}
	var words []string
	for line := range strings.Lines(out.String()) {
		if f := strings.Fields(line); strings.HasPrefix(line, "  ") && len(f) > 0 {
			words = append(words, f[0])
		}
	}
	return words
}

// typedForms returns how words may be typed, quoted in each way, with flags in the places
// where they may stand, and as part of a line.
func typedForms(line string) []string {
	words := strings.Fields(line)
	var forms []string
	for _, quote := range []func(string) string{
		func(w string) string { return w },
		func(w string) string { return "'" + w + "'" },
		func(w string) string { return `"` + w + `"` },
		func(w string) string { return `\` + w },
		func(w string) string { return w[:len(w)/2] + `"` + w[len(w)/2:] + `"` },
	} {
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = quote(w)
		}
		forms = append(forms, strings.Join(quoted, " "))
	}
	return append(forms,
		"show status;"+line, "  "+line+" # a comment", "-r "+line, "--timeout 5s -o json "+line, "-nojson "+line, "--color=never -- "+line,
		"watch -n 5 "+line, "watch -n5 "+line, words[0]+" --yes "+strings.Join(words[1:], " "), line+" --timeout 5s", line+" -o json", line+" -o", line+" -ro json x", line+" --output=js", line+" --nonsense x",
		line+" > file", line+" >> 'a file'; "+line, line+" | grep x", "watch "+line, "watch 1 "+line, "help "+line, line+" extra",
	)
}

// TestLinesAgree cuts each form of a line of each command at each byte: evaluation,
// completion and ? find the same words there, in the same roles, and what one offers the
// others take.
func TestLinesAgree(t *testing.T) {
	t.Parallel()
	a := newAgreement()
	done := map[string]bool{}
	for i, pattern := range Patterns(true) {
		line := commandtest.Lines[pattern]
		if line == "" {
			t.Errorf("commandtest has no line for %s", pattern)
			continue
		}
		for j, form := range typedForms(line) {
			if j >= 5 && (i+j)%4 != 0 || !fulltest.Takes(i+j/4, 12) {
				continue // another command has it
			}
			for end := range len(form) + 2 {
				if typed := (form + " ")[:end]; !done[typed] {
					done[typed] = true
					a.check(t, typed)
				}
			}
		}
	}
	t.Logf("%d lines", len(done))
}

// TestLoggedWordsAgree parses the words that the log has of a command, with each of its
// flags: they make the same call.
func TestLoggedWordsAgree(t *testing.T) {
	t.Parallel()
	s := newAgreement().s
	flags := 0
	for _, pattern := range Patterns(true) {
		lines := []string{commandtest.Lines[pattern]}
		for _, f := range cmdline.CommandFlags {
			if path := strings.Fields(pattern); f.Of(path) && f.Command != "encrypt" {
				flags++
				value := map[string]string{"interval": " 1m", "count": " 3", "from": " /dev", "log": " /dev/null", "resolver": " 127.0.0.1:1"}[f.Name]
				if !f.Switch() && value == "" {
					value = " value"
				}
				lines = append(lines, lines[0]+" --"+f.Name+value)
			}
		}
		if _, verbatim := s.verbatimFlags(strings.Fields(pattern)[0]); !verbatim {
			lines = append(lines, lines[0]+" --expect 3")
		}
		for _, line := range lines {
			c, err := s.resolve(s.parser().Args(strings.Fields(line)))
			if err != nil {
				t.Errorf("%s: %v", line, err)
				continue
			}
			again, err := s.resolve(s.parser().Args(cmdline.Words(c)))
			if err != nil || c.Cmd.Words != command.Secret && (!slices.Equal(c.Path, again.Path) || !slices.Equal(cmdline.FlagsIn(c, false), cmdline.FlagsIn(again, false)) || c.Opts.Expect != again.Opts.Expect) {
				t.Errorf("%s: is logged as %q: %v", line, cmdline.Words(c), err)
			}
			if c.Cmd.Words == command.Secret && strings.Contains(strings.Join(cmdline.Words(c), " "), "secret") {
				t.Errorf("%s: is logged as %q", line, cmdline.Words(c))
			}
		}
	}
	if flags < 20 {
		t.Errorf("%d flags", flags)
	}
}

// FuzzLinesAgree does so for lines of all kinds.
func FuzzLinesAgree(f *testing.F) {
	for i, pattern := range Patterns(true) {
		for j, form := range typedForms(commandtest.Lines[pattern]) {
			if fulltest.Takes(i+j, 5) {
				f.Add(form)
			}
		}
	}
	a := newAgreement()
	f.Fuzz(func(t *testing.T, line string) { a.check(t, line) })
}
