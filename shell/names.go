package shell

import (
	"path/filepath"
	"slices"
	"strings"

	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// foreignNames are names under which OpenSMTPD's smtpctl acts as another program, with
// advice for a user who calls this program so. Its arguments, or the mail on standard
// input, must not be taken for commands.
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

// calledAs returns the words that the arguments of the program mean. The first argument
// is the name by which the program was called.
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

// mailqWords returns the words that mailq stands for. As with OpenSMTPD's mailq,
// arguments are ignored, because callers pass options of other mail servers. Only the
// long options of show queue count.
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
	args := s.parser().Args(option)
	if args.Err != nil || args.Opts.Help || args.Opts.Version {
		return args.Err == nil
	}
	_, err := s.parse(append(slices.Clone(program), option...))
	return err == nil
}
