package queue

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// textCuts are the possible limits, in bytes, up to which texts are compared. The first
// limit with which all texts fit into the memory is used. A text is stored after its
// length, which takes one byte.
var textCuts = []int{255, 128, 64, 48, 32, 24, 20, 16, 14, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1}

// A textSet numbers texts in limited memory; equal texts have equal numbers. If the
// texts would take more memory, only as many of their first bytes are compared as fit.
type textSet struct {
	mostTexts, mostBytes int

	cut   int      // index of textCuts
	bytes []byte   // the texts, each after its length
	at    []uint32 // where each of them begins there, by its number
	table []uint32 // numbers plus one by hash, 0 for none; at most three quarters are used
	seed  maphash.Seed
	// renumbered is called when texts are shortened, with the new number of each old
	// one.
	renumbered func(numbers []uint32)
}

// newTextSet returns a set of so many texts and bytes at most.
func newTextSet(mostTexts, mostBytes int, renumbered func([]uint32)) *textSet {
	return &textSet{mostTexts: mostTexts, mostBytes: mostBytes, seed: maphash.MakeSeed(), renumbered: renumbered, table: make([]uint32, 1024)}
}

// text returns the text with a number, as far as it is stored.
func (s *textSet) text(number uint32) []byte {
	at := int(s.at[number])
	return s.bytes[at+1 : at+1+int(s.bytes[at])]
}

// slot returns the place of a text in the table, or the place where it would be.
func (s *textSet) slot(text []byte) int {
	for i := int(maphash.Bytes(s.seed, text)) & (len(s.table) - 1); ; i = (i + 1) & (len(s.table) - 1) {
		if n := s.table[i]; n == 0 || bytes.Equal(s.text(n-1), text) {
			return i
		}
	}
}

// add adds a text and returns its number.
func (s *textSet) add(text []byte) uint32 {
	for {
		text = text[:min(len(text), textCuts[s.cut])]
		i := s.slot(text)
		switch n := s.table[i]; {
		case n > 0:
			return n - 1
		case s.cut+1 < len(textCuts) && (len(s.at) >= s.mostTexts || len(s.bytes)+1+len(text) > s.mostBytes):
			s.shorten()
			continue
		}
		number := uint32(len(s.at))
		s.at = append(s.at, uint32(len(s.bytes)))
		s.bytes = append(append(s.bytes, byte(len(text))), text...)
		if s.table[i] = number + 1; len(s.at)*4 > len(s.table)*3 {
			s.grow()
		}
		return number
	}
}

// grow doubles the table.
func (s *textSet) grow() {
	s.table = make([]uint32, 2*len(s.table))
	for number := range s.at {
		s.table[s.slot(s.text(uint32(number)))] = uint32(number) + 1
	}
}

// shorten shortens the texts to the next limit. They stay at their places in memory or
// move to the front, so that no more memory is needed.
func (s *textSet) shorten() {
	s.cut++
	numbers := make([]uint32, len(s.at))
	clear(s.table)
	used, count := 0, 0
	for old := range s.at {
		text := s.text(uint32(old))
		text = text[:min(len(text), textCuts[s.cut])]
		i := s.slot(text)
		if n := s.table[i]; n > 0 {
			numbers[old] = n - 1
			continue
		}
		numbers[old] = uint32(count)
		length := byte(len(text))
		copy(s.bytes[used+1:], text)
		s.bytes[used] = length
		s.at[count] = uint32(used)
		used += 1 + int(length)
		count++
		s.table[i] = uint32(count)
	}
	s.at, s.bytes = s.at[:count], s.bytes[:used]
	s.renumbered(numbers)
}

// whole reports whether every text is stored in full.
func (s *textSet) whole() bool { return s.cut == 0 && !s.full() }

// full reports whether a text has reached the limit.
func (s *textSet) full() bool {
	return slices.ContainsFunc(s.at, func(at uint32) bool { return int(s.bytes[at]) == textCuts[s.cut] })
}

// ranks returns the place of each text among all in their order, by its number.
func (s *textSet) ranks() []uint32 {
	sorted := make([]uint32, len(s.at))
	for i := range sorted {
		sorted[i] = uint32(i)
	}
	slices.SortFunc(sorted, func(a, b uint32) int { return bytes.Compare(s.text(a), s.text(b)) })
	ranks := make([]uint32, len(sorted))
	for rank, number := range sorted {
		ranks[number] = uint32(rank)
	}
	return ranks
}
