package browse

import (
	"slices"
	"strings"

	"github.com/gdamore/tcell/v2"

	"smtpctl/shell/queue"
	"smtpctl/shell/render"
)

// A binding is a key of the list and the function that it calls. It has up to three keys: key,
// rune and also, each 0 if not used.
type binding struct {
	keys string // the names of its keys, as help shows them
	text string
	acts bool // it needs a session that may change the queue
	key  tcell.Key
	rune rune
	also tcell.Key
	run  func(u *ui)
}

// far is more rows than any list has.
const far = 1 << 30

// bindings returns the keys of the list.
func bindings() []binding {
	return []binding{
		{keys: "Down, j", text: "the next row", key: tcell.KeyDown, rune: 'j', also: tcell.KeyCtrlN, run: func(u *ui) { u.move(1) }},
		{keys: "Up, k", text: "the row before", key: tcell.KeyUp, rune: 'k', also: tcell.KeyCtrlP, run: func(u *ui) { u.move(-1) }},
		{keys: "PgDn, Ctrl-F", text: "the next page", key: tcell.KeyPgDn, also: tcell.KeyCtrlF, run: func(u *ui) { u.move(u.height()) }},
		{keys: "PgUp, Ctrl-B", text: "the page before", key: tcell.KeyPgUp, also: tcell.KeyCtrlB, run: func(u *ui) { u.move(-u.height()) }},
		{keys: "Home, <", text: "the first row", key: tcell.KeyHome, rune: '<', run: func(u *ui) { u.move(-far) }},
		{keys: "End, >", text: "the last row", key: tcell.KeyEnd, rune: '>', run: func(u *ui) { u.move(far) }},
		{keys: "Enter", text: "look at the envelope: why it is here, its headers, its story; go into the group", key: tcell.KeyEnter, run: (*ui).enter},
		{keys: "Escape", text: "(or Backspace) back out of the group or the grouping", key: tcell.KeyEscape, also: tcell.KeyBackspace, run: (*ui).back},
		{keys: "/", text: "filter by terms, as show queue takes them: domain=example.com error~^5 older=2h", rune: '/', run: (*ui).editFilter},
		{keys: "g", text: "group by domain, error, from and so on", rune: 'g', run: (*ui).chooseGroups},
		{keys: "s", text: "sort by a column", rune: 's', run: (*ui).chooseSort},
		{keys: "S", text: "turn the order round", rune: 'S', run: (*ui).turnSort},
		{keys: "r, Ctrl-L", text: "list anew, draw anew", rune: 'r', key: tcell.KeyCtrlL, run: (*ui).reload},
		{keys: "Space", text: "mark, or take the mark away", acts: true, rune: ' ', run: (*ui).mark},
		{keys: "a", text: "mark all of the list; once more takes all marks away", acts: true, rune: 'a', run: (*ui).markAll},
		{keys: "d", text: "remove what is marked, or the row at the cursor", acts: true, rune: 'd', run: func(u *ui) { u.act("remove") }},
		{keys: "n", text: "schedule it now", acts: true, rune: 'n', run: func(u *ui) { u.act("schedule") }},
		{keys: "p", text: "pause it", acts: true, rune: 'p', run: func(u *ui) { u.act("pause", "envelope") }},
		{keys: "u", text: "resume it", acts: true, rune: 'u', run: func(u *ui) { u.act("resume", "envelope") }},
		{keys: "U", text: "take back the last pause, resume or removal", acts: true, rune: 'U', run: (*ui).undo},
		{keys: "?", text: "these keys", rune: '?', run: (*ui).showKeys},
		{keys: "q, Ctrl-C", text: "leave", rune: 'q', key: tcell.KeyCtrlC, run: func(u *ui) { u.leaving = true }},
	}
}

// fits reports whether a binding is for this key.
func (b *binding) fits(k *tcell.EventKey) bool {
	if k.Key() == tcell.KeyRune {
		return b.rune != 0 && k.Rune() == b.rune && k.Modifiers()&^tcell.ModShift == 0
	}
	key := k.Key()
	if key == tcell.KeyBackspace2 {
		key = tcell.KeyBackspace
	}
	return key == b.key && b.key != 0 || key == b.also && b.also != 0
}

// key acts on a key. Pasted text goes only into a line of input: it must never act as keys.
func (u *ui) key(k *tcell.EventKey) {
	switch {
	case u.input != nil:
		if !u.pasting || k.Key() == tcell.KeyRune {
			u.input.key(u, k)
		}
	case u.pasting:
	case k.Key() == tcell.KeyCtrlZ:
		u.stop()
	case u.running != nil:
		if k.Key() == tcell.KeyCtrlC || k.Key() == tcell.KeyEscape {
			u.running.cancel()
		}
	case u.over != nil:
		u.message = ""
		u.over.key(u, k)
	default:
		u.message = ""
		for _, b := range bindings() {
			if b.fits(k) {
				if b.acts && !u.acts {
					u.fail("nothing can be changed in this session: it is read-only or restricted")
					return
				}
				b.run(u)
				return
			}
		}
	}
}

// move moves the cursor down by so many rows, or up if by is negative, within the list.
func (u *ui) move(by int) {
	f := u.top()
	u.w.mu.Lock()
	n := f.rows()
	u.w.mu.Unlock()
	f.cursor = max(0, min(f.cursor+by, n-1))
}

// enter opens the group at the cursor, or shows the envelope at the cursor.
func (u *ui) enter() {
	f := u.top()
	u.w.mu.Lock()
	n := f.rows()
	u.w.mu.Unlock()
	if f.cursor >= n {
		return
	}
	if f.wish.by == "" {
		u.look(f.envelope(f.cursor))
		return
	}
	g := &f.list.groups[f.cursor]
	only := u.w.only(f, g)
	if len(g.Terms) == 0 && only == 0 {
		u.fail("no terms select this group")
		return
	}
	if err := u.open(&frame{base: append(f.words(), g.Terms...), wish: wish{only: only}}); err != nil {
		u.fail(err.Error())
	}
}

// back closes the group or the grouping on top, or else drops the filter and the order.
func (u *ui) back() {
	f := u.top()
	switch {
	case len(u.stack) > 1:
		u.stack = u.stack[:len(u.stack)-1]
		f = u.top()
	case len(f.filter) > 0 || f.wish.sort != "":
		f.filter, f.wish.sort = nil, ""
		f.marks.clear()
	default:
		u.say("q leaves")
		return
	}
	if err := u.list(f); err != nil {
		u.fail(err.Error())
	}
}

// editFilter lets the user edit the filter of the list.
func (u *ui) editFilter() {
	f := u.top()
	text := []rune(joinWords(f.filter))
	if len(text) > 0 {
		text = append(text, ' ')
	}
	u.input = &input{label: "filter: ", text: text, pos: len(text), done: func(line string, ok bool) {
		if ok {
			u.filter(f, line)
		}
	}}
}

// filter makes a line of terms the filter of a frame and lists the frame again. If the terms
// are wrong, it restores the old filter, shows the error and lets the user edit the line
// further.
func (u *ui) filter(f *frame, line string) {
	words, err := splitLine(line)
	old, oldSort := f.filter, f.wish.sort
	if err == nil {
		f.filter = words
		err = u.list(f)
	}
	if err != nil {
		f.filter, f.wish.sort = old, oldSort
		u.editFilter()
		u.input.text, u.input.pos = []rune(line), len([]rune(line))
		cols, _ := u.screen.Size()
		u.input.above = foldLine(render.Safe(render.Bound(withoutWords(err), render.MaxMessage)), cols)
		return
	}
	f.cursor, f.top = 0, 0
	f.marks.clear()
	f.picked = nil
}

// withoutWords returns the text of an error without the name of the command at its beginning,
// which the user did not type.
func withoutWords(err error) string {
	_, rest, found := strings.Cut(err.Error(), ": ")
	if !found {
		return err.Error()
	}
	return rest
}

// chooseGroups lets the user choose a grouping, and opens it.
func (u *ui) chooseGroups() {
	f := u.top()
	if f.wish.by != "" {
		u.back()
		f = u.top()
	}
	names := queue.GroupNames()
	if u.w.several() && f.wish.only == 0 {
		names = append(names, serverGroup)
	}
	u.choose("group by", usualFirst(names, "domain", "error", "from", "state", serverGroup), func(name string) {
		if err := u.open(&frame{base: f.words(), wish: wish{by: name, only: f.wish.only}}); err != nil {
			u.fail(err.Error())
		}
	})
}

// usualFirst moves the words of usual that are in words to the front.
func usualFirst(words []string, usual ...string) []string {
	var first []string
	for _, w := range usual {
		if i := slices.Index(words, w); i >= 0 {
			first, words = append(first, w), slices.Delete(words, i, i+1)
		}
	}
	return append(first, words...)
}

// chooseSort lets the user choose the order of the list.
func (u *ui) chooseSort() {
	f := u.top()
	if f.wish.by != "" {
		u.say("groups come by their size")
		return
	}
	u.choose("sort by", append([]string{"id"}, queue.SortKeys()...), func(name string) {
		if name == "id" {
			name = ""
		}
		u.sort(f, name)
	})
}

// sort lists a frame again in another order, "" for that of the ids.
func (u *ui) sort(f *frame, key string) {
	f.wish.sort = key
	f.cursor, f.top = 0, 0
	if err := u.list(f); err != nil {
		u.fail(err.Error())
	}
}

// turnSort reverses the order of the list.
func (u *ui) turnSort() {
	f := u.top()
	if f.wish.sort == "" {
		u.say("s sorts first")
		return
	}
	if key, reversed := strings.CutPrefix(f.wish.sort, "-"); reversed {
		u.sort(f, key)
	} else {
		u.sort(f, "-"+key)
	}
}

// reload lists the queue again and sends the whole screen again.
func (u *ui) reload() {
	u.w.reload()
	u.resync = true
}

// mark marks the row at the cursor, or unmarks it, and moves the cursor to the next row.
func (u *ui) mark() {
	f := u.top()
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	if n := f.rows(); f.cursor >= n {
		return
	}
	if f.wish.by != "" {
		name := f.list.groups[f.cursor].Name
		if f.picked == nil {
			f.picked = map[string]bool{}
		}
		if f.picked[name] {
			delete(f.picked, name)
		} else {
			f.picked[name] = true
		}
	} else if !f.marks.toggle(f.envelope(f.cursor)) {
		u.fail("too many single marks: filter, and mark all of the list with a")
		return
	}
	f.cursor = min(f.cursor+1, f.rows()-1)
}

// markAll marks the whole list, or removes all marks if the whole list is marked.
func (u *ui) markAll() {
	f := u.top()
	u.w.mu.Lock()
	defer u.w.mu.Unlock()
	switch {
	case f.list == nil || !f.list.done:
		u.fail("not all is listed yet" + u.w.unlisted())
	case f.wish.by != "" && len(f.picked) == len(f.list.groups):
		f.picked = nil
	case f.wish.by != "":
		f.picked = map[string]bool{}
		for i := range f.list.groups {
			f.picked[f.list.groups[i].Name] = true
		}
	case f.marks.are(f.list):
		f.marks.clear()
	default:
		f.marks.set(f.list)
	}
}
