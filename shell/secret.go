package shell

import (
	"errors"
	"strings"

	"smtpctl/completer/grammar"
	"smtpctl/shell/cmdline"
	"smtpctl/shell/command"
)

// secretWord returns the first word of the command whose arguments are passwords.
func (s *Session) secretWord() string {
	for _, c := range s.table {
		if c.Words == command.Secret {
			word, _, _ := strings.Cut(c.Pattern, " ")
			return word
		}
	}
	return ""
}

// errSecret is the error for words that are not a valid command and may contain a
// password.
var errSecret = &command.UsageError{Err: errors.New("encrypt: these words are not a valid command, and are not shown since a password may be among them: " +
	`expected one password, or none to type it; "help encrypt" lists the options`)}

// secretFrom returns the index of the first word that may be a password: the word after
// one that means encrypt, or probably does. It is the number of words if there is none.
func (s *Session) secretFrom(words []string) int {
	for i, w := range words {
		if i+1 < len(words) && s.likeEncrypt(w) {
			return i + 1
		}
	}
	return len(words)
}

// likeEncrypt reports whether a word means encrypt, or is a typing error away from
// encrypt and no other command.
func (s *Session) likeEncrypt(word string) bool {
	secret := s.secretWord()
	word = strings.ToLower(strings.Trim(word, `'"\`))
	if word == "" {
		return false
	}
	begins := strings.HasPrefix(word, secret) || strings.HasPrefix(secret, word)
	if !begins && (len(word) < 3 || len(grammar.Nearest(word, []grammar.Candidate{{Word: secret}})) == 0) {
		return false
	}
	m, err := s.tree.Resolve([]string{word})
	if err == nil {
		return m.Path[0] == secret
	}
	var incomplete *grammar.IncompleteError
	return !errors.As(err, &incomplete) // which begins other commands
}

// mayHoldPassword reports whether a line may contain a password.
func (s *Session) mayHoldPassword(line cmdline.Line) bool {
	for _, words := range line.Words() {
		if s.secretFrom(words) < len(words) {
			return true
		}
	}
	return false
}

// hideSecret returns err or, if the words may contain a password, an error that shows
// none of them.
func (s *Session) hideSecret(words []string, err error) error {
	var usage *command.UsageError
	if !errors.As(err, &usage) {
		return err
	}
	from := s.secretFrom(words)
	if strings.Join(words[from:], "") == "" {
		return err
	}
	var unknown *grammar.UnknownError
	if errors.As(err, &unknown) && len(unknown.Path) == 0 && unknown.Word == words[from-1] {
		return err // it names only the word before the password
	}
	return errSecret
}
