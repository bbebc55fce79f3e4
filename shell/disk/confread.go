package disk

import (
	"context"
	"strconv"
	"strings"

	"smtpctl/shell/command"
)

// QueueTTL is how many seconds smtpd keeps mail by default: SMTPD_QUEUE_EXPIRY.
const QueueTTL = 4 * 86400

// A ConfFacts is what smtpd.conf says about the mail in the queue. The running smtpd
// may have read another version of the file, or another file with -f.
type ConfFacts struct {
	Path       string
	Read       bool // the file could be read, and defines an action
	Unsure     bool // it names an action in a way that is not understood here
	Modified   int64
	Actions    map[string]int64 // the ttl of each, 0 if it has none of its own
	Relays     map[string]bool  // those actions that relay; the others deliver on this machine
	Ttl        int64
	Compressed bool
	Encrypted  bool
}

// SmtpdConf reads smtpd.conf.
func SmtpdConf(ctx context.Context, c *command.Call) *ConfFacts {
	return readConf(&confReader{far: c.FarFiles(ctx)}, confPathOf(c))
}

// confPathOf returns where the configuration of a call's smtpd is.
func confPathOf(c *command.Call) string {
	switch {
	case c.Conf != "":
		return c.Conf
	case c.Elsewhere():
		return confPathOn(strings.ToLower(c.Far(c.Opts.Host).System()))
	}
	return ConfPath()
}

// ReadConf reads a configuration on this machine.
func ReadConf(path string) *ConfFacts { return readConf(new(confReader), path) }

func readConf(r *confReader, path string) *ConfFacts {
	f := &ConfFacts{Path: path, Actions: map[string]int64{}, Relays: map[string]bool{}, Ttl: QueueTTL}
	macros := map[string]string{}
	joined := ""
	for line := range r.lines(path) {
		// A backslash at its end continues a line.
		if part, more := strings.CutSuffix(line, `\`); more {
			joined += part + " "
			continue
		}
		words := confWords(joined+line, macros)
		joined = ""
		switch {
		case len(words) >= 3 && words[1] == "=":
			macros[words[0]] = words[2]
		case len(words) >= 2 && words[0] == "action":
			name := words[1]
			if strings.HasPrefix(name, "$") {
				f.Unsure = true // a macro that is set elsewhere
			}
			f.Actions[name] = ttlOf(words[2:], "ttl")
			f.Relays[name] = len(words) > 2 && words[2] == "relay"
		case len(words) >= 3 && words[0] == "queue" && words[1] == "ttl":
			if ttl := ttlOf(words[1:], "ttl"); ttl > 0 {
				f.Ttl = ttl
			}
		case len(words) >= 2 && words[0] == "queue" && words[1] == "compression":
			f.Compressed = true
		case len(words) >= 2 && words[0] == "queue" && words[1] == "encryption":
			f.Encrypted = true
		}
	}
	f.Read = len(f.Actions) > 0
	f.Unsure = f.Unsure || r.err != nil
	f.Modified = r.modified
	return f
}

// confWords splits a line of smtpd.conf into words, removes quotes and comments, and
// replaces macros.
func confWords(line string, macros map[string]string) []string {
	var words []string
	for line != "" {
		switch c := line[0]; {
		case c == ' ' || c == '\t' || c == '\r' || c == ',':
			line = line[1:]
		case c == '#':
			return words
		case c == '=' || c == '{' || c == '}':
			words = append(words, line[:1])
			line = line[1:]
		case c == '"' || c == '\'':
			text, rest, _ := strings.Cut(line[1:], line[:1])
			words = append(words, text)
			line = rest
		default:
			end := strings.IndexAny(line, " \t\r,#={}\"'")
			if end < 0 {
				end = len(line)
			}
			word := line[:end]
			if value, ok := macros[strings.TrimPrefix(word, "$")]; ok && word[0] == '$' {
				word = value
			}
			words = append(words, word)
			line = line[end:]
		}
	}
	return words
}

// ttlOf returns the time in seconds after a word, a number with s, m, h or d, or 0 if
// there is none.
func ttlOf(words []string, key string) int64 {
	for i, w := range words {
		if w != key || i+1 == len(words) || len(words[i+1]) < 2 {
			continue
		}
		value := words[i+1]
		n, err := strconv.ParseInt(value[:len(value)-1], 10, 32)
		unit := map[byte]int64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400}[value[len(value)-1]]
		if err == nil && n > 0 {
			return n * unit
		}
	}
	return 0
}

// TtlFor returns how many seconds smtpd keeps mail with an action. The second result is
// false if smtpd.conf could not be read for it.
func (f *ConfFacts) TtlFor(action string, bounce bool) (ttl int64, sure bool) {
	if own, ok := f.Actions[action]; ok && own > 0 && !bounce {
		return own, true
	}
	return f.Ttl, f.Read
}
