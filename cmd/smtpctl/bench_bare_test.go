package main

import (
	"net"
	"os"
	"time"

	"smtpctl/protocol"
)

// bareReader lists a queue as cheaply as a client can: it asks once for the
// envelopes of each message, with a window of requests in flight that is filled
// by halves, which is the fastest, and only counts the frames that come. It loses what does not fit into one batch.
func bareReader(socket string, window int) (envelopes int, err error) {
	layout := protocol.HostLayout()
	nc, err := net.DialTimeout("unix", socket, 10*time.Second)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Minute))
	r := protocol.NewFrameReader(nc, layout)
	var out []byte
	ask := func(t protocol.Type, payload []byte) {
		// The payload always fits into a frame.
		out, _ = layout.AppendFrame(out, protocol.Frame{Type: t, PeerID: protocol.Version, PID: uint32(os.Getpid()), Payload: payload})
	}
	word := make([]byte, 8)
	for from := uint32(0); ; {
		layout.Order.PutUint32(word, from)
		ask(protocol.TypeListMessages, word[:4])
		nc.Write(out)
		out = out[:0]
		f, err := r.Next()
		if err != nil {
			return envelopes, err
		}
		ids := make([]uint32, 0, 1024)
		for p := f.Payload; len(p) >= 4; p = p[4:] {
			ids = append(ids, layout.Order.Uint32(p))
		}
		if len(ids) == 0 {
			return envelopes, nil
		}
		from = ids[len(ids)-1] + 1
		asked, waiting := 0, 0
		for asked < len(ids) || waiting > 0 {
			for low := waiting <= window/2; low && asked < len(ids) && waiting < window; {
				layout.Order.PutUint64(word, uint64(ids[asked])<<32)
				ask(protocol.TypeListEnvelopes, word)
				asked++
				waiting++
			}
			f, ok, err := r.Buffered()
			if err == nil && !ok {
				if len(out) > 0 {
					_, err = nc.Write(out)
					out = out[:0]
				}
				if err == nil {
					f, err = r.Next()
				}
			}
			switch {
			case err != nil:
				return envelopes, err
			case len(f.Payload) > 0:
				envelopes++
			default:
				waiting--
			}
		}
	}
}
