package maillog

import (
	"unsafe"

	"smtpctl/protocol"
	"smtpctl/shell/render"
)

// A storyKey identifies a story.
type storyKey struct {
	msg     protocol.MessageID
	session string // of what was rejected: it has no message
}

// A hold keeps events in limited memory. If there are more, it keeps the first and the
// newest ones: how the story began, and how it is now.
type hold struct {
	stories map[storyKey]*Story
	order   []*Story
	events  int // in stories
	bytes   int
	full    bool

	newest    []late // those from first on
	first     int
	lateOf    map[storyKey]int // how many of newest are of each story
	lateBytes int
	left      int         // events that were left out
	leftFrom  render.Time // when the first of them was
	leftTo    render.Time
}

// A late is an event that came after the first half was full.
type late struct {
	key storyKey
	e   Event
}

// add adds an event.
func (h *hold) add(key storyKey, e Event) {
	const events, bytes = maxEvents / 2, maxBytes / 2
	n := e.bytes()
	if !h.full && h.events < events && h.bytes < bytes {
		h.events++
		h.bytes += n
		s := h.story(key)
		s.Events = append(s.Events, e)
		return
	}
	h.full = true
	h.newest = append(h.newest, late{key, e})
	h.lateOf[key]++
	for h.lateBytes += n; len(h.newest)-h.first > events || h.lateBytes > bytes && len(h.newest)-h.first > 1; {
		h.drop()
	}
}

// has reports whether there is an event of a story.
func (h *hold) has(key storyKey) bool { return h.stories[key] != nil || h.lateOf[key] > 0 }

// story returns the story of a key.
func (h *hold) story(key storyKey) *Story {
	s := h.stories[key]
	if s == nil {
		s = &Story{Session: key.session}
		if key.session == "" {
			s.Message = key.msg.String()
		}
		h.stories[key] = s
		h.order = append(h.order, s)
	}
	return s
}

// drop removes the oldest of the newest events.
func (h *hold) drop() {
	old := &h.newest[h.first]
	h.lateBytes -= old.e.bytes()
	h.left++
	if h.leftFrom == 0 {
		h.leftFrom = old.e.Time
	}
	h.leftTo = old.e.Time
	if s := h.stories[old.key]; s != nil {
		s.Left++
		s.LeftAt = len(s.Events)
	}
	if h.lateOf[old.key]--; h.lateOf[old.key] == 0 {
		delete(h.lateOf, old.key)
	}
	*old = late{}
	if h.first++; h.first > len(h.newest)/2 {
		h.newest = append(h.newest[:0], h.newest[h.first:]...)
		h.first = 0
	}
}

// all returns the stories with all kept events, in the order in which they begin.
func (h *hold) all() []*Story {
	for _, l := range h.newest[h.first:] {
		s := h.story(l.key)
		s.Events = append(s.Events, l.e)
	}
	h.newest, h.first, h.lateBytes = nil, 0, 0
	return h.order
}

// Stories returns the stories in the order in which they begin. Call it once the whole
// log has been read.
func (r *Reader) Stories() []*Story { return r.held.all() }

// Left returns how many events were left out for lack of memory, and when the first and
// the last of them happened.
func (r *Reader) Left() (n int, from, to render.Time) {
	return r.held.left, r.held.leftFrom, r.held.leftTo
}

// add adds an event to the story of a message.
func (r *Reader) add(l *line, id protocol.EnvelopeID, e Event) {
	e.Message = id.Msg().String()
	r.addTo(l, storyKey{msg: id.Msg()}, e)
}

// addTo adds an event to a story.
func (r *Reader) addTo(l *line, key storyKey, e Event) {
	if !l.time.IsZero() {
		e.Time = render.Time(l.time.Unix())
	}
	r.held.add(key, e)
}

// bytes returns about how much memory an event takes.
func (e *Event) bytes() int {
	n := 2 * int(unsafe.Sizeof(*e)) // slices of events have room to grow
	for _, text := range []string{e.Envelope, e.From, e.To, e.Session, e.Client, e.Relay, e.TLS, e.User, e.Size, e.Delay, e.Reply} {
		n += len(text)
	}
	return n
}
