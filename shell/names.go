package shell

import (
	"path/filepath"
	"slices"
	"strings"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// foreignNames are names under which OpenSMTPD's smtpctl is other programs, which
// systems link to it, with what this program tells those who call it so. It must
// not take their arguments, or the mail on standard input, for commands.
var foreignNames = []struct{ name, advice string }{
	{"makemap", "it makes no databases: use OpenSMTPD's own makemap, which is its smtpctl under that name"},
	{"newaliases", "it makes no databases: use OpenSMTPD's own newaliases, which is its smtpctl under that name, or smtpctl update table aliases"},
	{"send-mail", "it takes no mail: use OpenSMTPD's own sendmail, which is its smtpctl under that name"},
	{"sendmail", "it takes no mail: use OpenSMTPD's own sendmail, which is its smtpctl under that name"},
}

// ForeignNames returns the names of programs under which smtpctl refuses to run.
func ForeignNames() []string {
	var names []string
	for _, f := range foreignNames {
		names = append(names, f.name)
	}
	return names
}

// calledAs returns the words that are meant by the arguments of the program, of
// which the first is the name that it is called by.
func (s *Session) calledAs(args []string) ([]string, error) {
	if len(args) == 0 {
		return nil, nil
	}
	name := strings.TrimPrefix(filepath.Base(args[0]), "-") // as a login shell
	for _, f := range foreignNames {
		if f.name == name {
			return nil, command.Usagef("this is a shell for smtpd, called as %s: %s", name, f.advice)
		}
	}
	if name == "mailq" {
		return s.mailqWords(args[1:]), nil
	}
	return args[1:], nil
}

// mailqWords returns what mailq stands for. It lists the queue whatever follows, as
// OpenSMTPD's does, for callers pass options of other mail servers' mailq. Of the
// words that follow only the long options count that show queue takes.
func (s *Session) mailqWords(words []string) []string {
	meant := []string{"show", "queue"}
	for len(words) > 0 {
		n := 1
		if name, _, whole := strings.Cut(words[0], "="); strings.HasPrefix(name, "--") && len(name) > 2 {
			opts := command.DefaultOptions()
			f := cmdline.FlagSet(&opts, nil).Lookup(name[2:])
			if f != nil && !whole && f.NoOptDefVal == "" {
				n = min(2, len(words))
			}
			if f != nil && s.takes(meant, words[:n]) {
				meant = append(meant, words[:n]...)
			}
		}
		words = words[n:]
	}
	return meant
}

// takes reports whether a command takes an option.
func (s *Session) takes(program, option []string) bool {
	opts, _, err := cmdline.ParseOptions(option, s.opts, nil, s.verbatimFlags)
	if err != nil || opts.Help || opts.Version {
		return err == nil
	}
	_, err = s.parse(append(slices.Clone(program), option...))
	return err == nil
}
