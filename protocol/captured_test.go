package protocol

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// captured reads the frames of one answer that a release of smtpd gave.
func captured(t *testing.T, path string) []Frame {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []Frame
	for len(b) > 0 {
		f, n, err := little.DecodeFrame(b)
		if err != nil || n == 0 {
			t.Fatalf("%s: %d bytes left, %v", path, len(b), err)
		}
		out = append(out, f)
		b = b[n:]
	}
	return out
}

// TestCapturedFrames decodes what each release has sent.
func TestCapturedFrames(t *testing.T) {
	releases, _ := filepath.Glob("testdata/frames/*")
	if len(releases) < 4 {
		t.Fatalf("frames of %d releases, want 4", len(releases))
	}
	for _, dir := range releases {
		envelopes := 0
		for _, f := range captured(t, dir+"/queue.bin") {
			if f.Type != TypeListEnvelopes || len(f.Payload) == 0 {
				continue
			}
			var e Envelope
			if err := little.DecodeEnvelope(f.Payload, &e); err != nil || !e.ID.Valid() || e.Dest.Domain == "" || e.Created == 0 {
				t.Errorf("%s: %+v, %v", dir, e, err)
			}
			envelopes++
		}
		if envelopes != 3 {
			t.Errorf("%s: %d envelopes, want 3", dir, envelopes)
		}
		for name, want := range map[string]int{"digest": little.digestSize(), "status": 4} {
			if f := captured(t, dir+"/"+name+".bin"); len(f) != 1 || len(f[0].Payload) != want {
				t.Errorf("%s: %s: %d frames, expected one of %d bytes", dir, name, len(f), want)
			}
		}
		stats := captured(t, dir+"/stats.bin")
		for _, f := range stats {
			if len(f.Payload) != little.statKV().size {
				t.Errorf("%s: statistic of %d bytes, want %d", dir, len(f.Payload), little.statKV().size)
			}
		}
		if last := stats[len(stats)-1]; little.word(last.Payload) != 0 {
			t.Errorf("%s: the last statistic goes on", dir)
		}
		twice := captured(t, dir+"/pause-twice.bin")
		if len(twice) != 2 || twice[0].Type != TypeOK || twice[1].Type != TypeFail || len(twice[1].Payload) != 0 || twice[1].PeerID != 0 {
			t.Errorf("%s: pausing twice: %+v", dir, twice)
		}
		block := captured(t, dir+"/block.bin")
		if len(block) != 3 || !strings.HasPrefix(string(block[1].Payload), "192.0.2.1 -> x.example\x00") {
			t.Errorf("%s: block: %+v", dir, block)
		}
	}
}
