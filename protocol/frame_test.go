package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

var (
	little = LayoutFor("linux", "amd64")
	big    = LayoutFor("linux", "s390x")
)

func TestFrameBytes(t *testing.T) {
	bigShort := big
	bigShort.ShortHeader = true
	for _, tt := range []struct {
		name   string
		layout Layout
		want   string
	}{
		{"little", little, "\x1c\x00\x00\x00\x14\x00\x00\x00\x10\x00\x00\x00\x02\x01\x00\x00\x01\x02\x03\x04"},
		{"big, since 7.7", big, "\x00\x00\x00\x1c\x00\x00\x00\x14\x00\x00\x00\x10\x00\x00\x01\x02\x01\x02\x03\x04"},
		{"big, before 7.7", bigShort, "\x00\x00\x00\x1c\x00\x14\x00\x00\x00\x00\x00\x10\x00\x00\x01\x02\x01\x02\x03\x04"},
	} {
		f := Frame{Type: TypeShowStatus, PeerID: Version, PID: 0x102, Payload: []byte{1, 2, 3, 4}}
		got, err := tt.layout.AppendFrame(nil, f)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, tt.want)
		}
		back, n, err := tt.layout.DecodeFrame(got)
		if err != nil || n != len(got) || back.Type != f.Type || back.PID != f.PID || !bytes.Equal(back.Payload, f.Payload) {
			t.Errorf("%s: decoded %+v, %d, %v", tt.name, back, n, err)
		}
	}
}

func TestFrameTooLong(t *testing.T) {
	if b, err := little.AppendFrame(nil, Frame{Payload: make([]byte, MaxFrame)}); err == nil || len(b) > 0 {
		t.Errorf("appended %d bytes, %v, want an error", len(b), err)
	}
}

func TestFrameLengthsThatLie(t *testing.T) {
	for _, n := range []uint32{0, 1, 15, MaxFrame + 1, 0xffff, 0x00020010, 0x7fffffff} {
		h := make([]byte, HeaderSize)
		binary.LittleEndian.PutUint32(h[4:], n)
		_, _, err := little.DecodeFrame(h)
		var pe *ProtocolError
		if !errors.As(err, &pe) {
			t.Errorf("length %#x: %v, want a *ProtocolError", n, err)
		}
	}
	// A frame that carries a file descriptor says so in either way.
	for _, n := range []uint32{16 | 1<<16, 16 | 1<<31} {
		h := make([]byte, HeaderSize)
		binary.LittleEndian.PutUint32(h[4:], n)
		if _, size, err := little.DecodeFrame(h); size != 16 || err != nil {
			t.Errorf("length %#x: %d, %v, want 16", n, size, err)
		}
	}
}

func TestFrameReaderCuts(t *testing.T) {
	var stream []byte
	for i := range 100 {
		stream, _ = little.AppendFrame(stream, Frame{Type: Type(i), Payload: bytes.Repeat([]byte{byte(i)}, i*150)})
	}
	for name, r := range map[string]io.Reader{
		"whole": bytes.NewReader(stream), "bytes": iotest.OneByteReader(bytes.NewReader(stream)),
		"halves": iotest.HalfReader(bytes.NewReader(stream)), "data with EOF": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		fr := NewFrameReader(r, little)
		for i := range 100 {
			f, err := fr.Next()
			if err != nil || f.Type != Type(i) || len(f.Payload) != i*150 {
				t.Fatalf("%s: frame %d is %v of %d bytes, %v", name, i, f.Type, len(f.Payload), err)
			}
		}
		if _, err := fr.Next(); err != io.EOF {
			t.Errorf("%s: after the last frame: %v, want EOF", name, err)
		}
	}
	fr := NewFrameReader(bytes.NewReader(stream[:len(stream)-1]), little)
	var err error
	for err == nil {
		_, err = fr.Next()
	}
	if err != io.ErrUnexpectedEOF {
		t.Errorf("truncated stream: %v, want an unexpected EOF", err)
	}
}

func TestLayoutSizes(t *testing.T) {
	for _, tt := range []struct {
		os, arch             string
		digest, stat, socket int
	}{
		{"linux", "amd64", 104, 1056, 128},
		{"linux", "386", 52, 1040, 128},
		{"openbsd", "amd64", 104, 1056, 256},
		{"openbsd", "386", 60, 1044, 256},
		{"freebsd", "arm64", 104, 1056, 128},
		{"darwin", "arm64", 104, 1056, 128},
	} {
		l := LayoutFor(tt.os, tt.arch)
		if l.digestSize() != tt.digest || l.statKV().size != tt.stat || l.SockaddrSize != tt.socket {
			t.Errorf("%s/%s: digest %d, stat %d, sockaddr %d, want %d, %d, %d", tt.os, tt.arch,
				l.digestSize(), l.statKV().size, l.SockaddrSize, tt.digest, tt.stat, tt.socket)
		}
	}
}

// seedFrames adds the frames captured from real daemons.
func seedFrames(f *testing.F) {
	paths, _ := filepath.Glob("testdata/frames/*/*.bin")
	if len(paths) == 0 {
		f.Fatal("no captured frames")
	}
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
}

func FuzzFrame(f *testing.F) {
	seedFrames(f)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		fr := NewFrameReader(bytes.NewReader(data), little)
		size := len(fr.buf)
		var again []byte
		used := 0
		for {
			fm, err := fr.Next()
			if err != nil {
				break
			}
			if len(fm.Payload) > MaxFrame-HeaderSize {
				t.Fatalf("payload of %d bytes", len(fm.Payload))
			}
			var e Envelope
			_ = little.DecodeEnvelope(fm.Payload, &e)
			used += HeaderSize + len(fm.Payload)
			again, err = little.AppendFrame(again, fm)
			if err != nil {
				t.Fatal(err)
			}
		}
		if len(fr.buf) != size {
			t.Fatalf("the buffer grew from %d to %d bytes", size, len(fr.buf))
		}
		// What was read is what would be written, flags aside.
		for off := 0; off < used; {
			n, err := little.frameLen(data[off:])
			if err != nil {
				t.Fatal(err)
			}
			a, b := bytes.Clone(data[off:off+n]), again[off:off+n]
			copy(a[4:8], b[4:8])
			if !bytes.Equal(a, b) {
				t.Fatalf("read %q, would write %q", a, b)
			}
			off += n
		}
	})
}

func BenchmarkDecodeFrame(b *testing.B) {
	l := HostLayout()
	raw, err := l.AppendFrame(nil, Frame{Type: TypeListEnvelopes, Payload: make([]byte, 500)})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, n, err := l.DecodeFrame(raw); n == 0 || err != nil {
			b.Fatal(n, err)
		}
	}
}
