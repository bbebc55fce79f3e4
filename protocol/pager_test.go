package protocol

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestPager lists queues of many sizes and of ids that lie anywhere, from anywhere on, with
// pages of several sizes, one or many in flight: each id comes once and in order, whatever
// arrives or leaves meanwhile, and little more is asked than is needed.
func TestPager(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	lie := map[string]func(n int) MessageID{
		"anywhere": func(int) MessageID { return MessageID(random.Uint32()) },
		"low":      func(n int) MessageID { return MessageID(n + 1) },
		"high":     func(n int) MessageID { return MessageID(1<<32 - 1 - n) },
		"in lumps": func(n int) MessageID { return MessageID(uint32(n%7)<<29 + uint32(n)*3 + 1) },
	}
	for name, id := range lie {
		for _, size := range []int{0, 1, 2, 31, 1000, 1024, 1025, 5000, 40000} {
			queue := make([]MessageID, size)
			for i := range queue {
				queue[i] = max(1, id(i))
			}
			slices.Sort(queue)
			queue = slices.Compact(queue)
			for _, from := range []MessageID{0, 1, 1 << 30, 1<<32 - 1} {
				for _, most := range []int{1, 2, distantPages} {
					for _, page := range []int{1, 7, 1024} {
						if page < 1024 && size > 1025 {
							continue
						}
						var p pager
						p.begin(from, most)
						var got []MessageID
						requests := 0
						for !p.ended() || !p.idle() {
							for at, ok := p.request(0); ok; at, ok = p.request(0) {
								if requests++; at < from {
									t.Fatalf("%v is asked for", at)
								}
							}
							if len(p.asked) > most || len(p.asked) == 0 {
								t.Fatalf("%d pages in flight of %d", len(p.asked), most)
							}
							if held := p.held; held > distantBacklog+distantPages*page {
								t.Fatalf("%d ids are held", held)
							}
							lo, _ := slices.BinarySearch(queue, p.expects())
							p.got(queue[lo:min(lo+page, len(queue))])
							got = append(got, p.take()...)
						}
						lo, _ := slices.BinarySearch(queue, from)
						if want := queue[lo:]; !slices.Equal(got, want) {
							t.Fatalf("%d ids %s from %v, pages of %d, %d in flight: got %d, want %d", size, name, from, page, most, len(got), len(want))
						}
						pages := (len(queue)-lo)/page + 1
						if most == 1 && requests > pages+1 || requests > 2*pages+8*most {
							t.Errorf("%d ids %s from %v, pages of %d, %d in flight: %d requests for %d pages", size, name, from, page, most, requests, pages)
						}
					}
				}
			}
		}
	}
}

// TestPagerSkips lists only what is wanted, without requests for what is not.
func TestPagerSkips(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	queue := make([]MessageID, 50_000)
	for i := range queue {
		queue[i] = MessageID(random.Uint32() | 1)
	}
	slices.Sort(queue)
	queue = slices.Compact(queue)
	for _, most := range []int{1, distantPages} {
		for _, wanted := range [][]MessageID{queue[:1], queue[40_000:40_003], {queue[3], queue[30_000]}, {2}} {
			l := &lister{filtered: true, only: slices.Clone(wanted)}
			l.pages.begin(wanted[0], most)
			requests := 0
			var got []MessageID
			for !l.pages.ended() || !l.pages.idle() {
				for _, ok := l.pages.request(0); ok; _, ok = l.pages.request(0) {
					requests++
				}
				lo, _ := slices.BinarySearch(queue, l.pages.expects())
				l.pages.got(slices.Clone(queue[lo:min(lo+1024, len(queue))]))
				if ids := l.pages.take(); len(ids) > 0 {
					got = append(got, l.wanted(ids)...)
				}
			}
			want := slices.DeleteFunc(slices.Clone(wanted), func(id MessageID) bool { return id == 2 })
			if !slices.Equal(got, want) || most == 1 && requests > len(wanted)+1 || requests > 3*most {
				t.Errorf("%d in flight: got %v of %v with %d requests", most, got, wanted, requests)
			}
		}
	}
}
