package browse

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"

	"smtpctl/shell/render"
)

// maxHostWidth is how wide the column of the machines may be.
const maxHostWidth = 20

// hostWidth returns the width of the column of the machines, 0 for one machine.
func (w *worker) hostWidth() int {
	if !w.several() {
		return 0
	}
	width := len("SERVER")
	for _, name := range w.names {
		width = max(width, len(name))
	}
	return min(width, maxHostWidth)
}

// on returns the name of a machine for a sentence, if there are several.
func (w *worker) on(machine int) string {
	if !w.several() {
		return ""
	}
	return " on " + w.names[machine]
}

// share says how many of several machines a listing has to their end, if it does not have all;
// "" otherwise.
func (l *listing) share() string {
	if l.known == l.machines {
		return ""
	}
	return fmt.Sprintf(" on %d of %d hosts", l.known, l.machines)
}

// unlisted names those of several machines that have not been listed yet and are not down. The
// caller holds the lock.
func (w *worker) unlisted() string {
	if !w.several() {
		return ""
	}
	var names []string
	for m, s := range w.sources {
		if w.wish.lists(m) && s.trouble == "" && (s.list == nil || !s.list.done) {
			names = append(names, s.name)
		}
	}
	return " on " + strings.Join(names, ", ")
}

// progress returns how far the listing is, of all machines together. The caller holds the lock.
func (w *worker) progress() string {
	if !w.several() {
		return w.sources[0].progress.String()
	}
	var sum progress
	whole := true
	for m, s := range w.sources {
		if !w.wish.lists(m) {
			continue
		}
		looked, total := s.progress.looked.Load(), s.progress.total.Load()
		sum.looked.Add(looked)
		sum.total.Add(total)
		sum.spent.Store(max(sum.spent.Load(), s.progress.spent.Load()))
		whole = whole && (total > 0 || s.list != nil && s.list.done)
	}
	if !whole {
		sum.total.Store(0)
	}
	return sum.String()
}

// trouble returns why the only smtpd does not answer, and why the list is not complete; each is
// "" if there is nothing to say.
func (w *worker) trouble() (trouble, failed string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.several() {
		return w.sources[0].trouble, w.sources[0].failed
	}
	return "", ""
}

// An ill is one of several machines about which there is something to say.
type ill struct {
	host string
	text string
}

// ills returns the machines of several that do not answer or whose list is not complete. The
// texts are safe for a terminal.
func (w *worker) ills() []ill {
	if !w.several() {
		return nil
	}
	var out []ill
	w.mu.Lock()
	defer w.mu.Unlock()
	for m, s := range w.sources {
		if !w.wish.lists(m) {
			continue
		}
		slow := s.slow()
		switch {
		case s.trouble != "":
			out = append(out, ill{s.name, s.trouble + ", trying again"})
		case s.failed != "":
			out = append(out, ill{s.name, s.failed})
		case slow > 0:
			out = append(out, ill{s.name, fmt.Sprintf("no answer for %d s", slow/time.Second)})
		}
	}
	return out
}

// minIll is how many columns a machine gets, at least, for its name and its reason.
const minIll = 24

// illLine returns a line about machines: each with its reason, cut if need be, or only their
// names where they are too many for that.
func illLine(ills []ill, cols int) string {
	each := (cols - 2*(len(ills)-1)) / len(ills)
	parts, names, width := make([]string, len(ills)), make([]string, len(ills)), 0
	for i, l := range ills {
		parts[i], names[i] = l.host+": "+l.text, l.host
		width += runewidth.StringWidth(parts[i]) + 2
	}
	switch {
	case width-2 <= cols:
	case each >= minIll:
		for i := range parts {
			parts[i] = render.CutText.Within(parts[i], each)
		}
	default:
		return render.Cut(fmt.Sprintf("%d hosts do not answer: %s", len(ills), strings.Join(names, ", ")), cols)
	}
	return render.Cut(strings.Join(parts, "; "), cols)
}
