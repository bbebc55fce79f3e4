package grammar

// A Word is the word in front of the cursor, as far as it has been typed.
type Word struct {
	Token        // its place in the line, and what it stands for
	Raw   string // as it is typed, with its quotes
	// After is | for a word of a command of sh, > for the name of a file, and 0
	// otherwise.
	After rune
}

// A Place is where a word is being typed. Cursor sets what the line alone tells; the
// parser, which knows the flags, sets the rest.
type Place struct {
	Word    Word
	Comment bool     // it is in a comment: nothing is typed there
	Before  []string // the whole words in front of it, of its command
	Later   bool     // other commands stand in front of its own

	Words []string // those of Before that are no flags, with names replaced
	Given []string // the flags among them that are on, without dashes
	Flag  string   // the flag whose value the word is, with its dashes; "" if it is none
	Exact bool     // the word is an argument that is taken as it is
	// Ended says that no flag may stand here except those in Own, with their dashes.
	Ended bool
	Own   []string
	// Every is a flag that may stand here and nowhere else, a number of seconds after it.
	Every string
	Err   error // what is wrong with a flag in front of it
}

// Flags reports whether a flag may stand in the place.
func (p *Place) Flags() bool { return !p.Ended || p.Own != nil }

// Cursor splits the part of a line in front of the cursor into the complete words of
// its last command and the word that is being typed. After | and > the words are those
// of the command of sh, and the names of files.
func Cursor(text string) Place {
	p := Place{Word: Word{Token: Token{Start: len(text), End: len(text)}}}
	for _, t := range Scan(text) {
		switch {
		case t.Kind == TokenComment:
			return Place{Comment: true}
		case t.Kind == TokenWord && t.End == len(text):
			p.Word.Token, p.Word.Raw = t, text[t.Start:]
		case t.Kind == TokenWord:
			p.Before = append(p.Before, t.Text)
		default:
			p.Before, p.Word.After = nil, t.follows()
			p.Later = true
		}
	}
	return p
}

// follows returns what comes after an operator. Everything after a | belongs to sh.
func (t *Token) follows() rune {
	switch {
	case t.Kind == TokenRedirect, t.Kind == TokenAppend:
		return '>'
	case t.Kind == TokenPipe, t.Shell:
		return '|'
	}
	return 0
}
