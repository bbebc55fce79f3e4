package protocol_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"smtpctl/protocol"
	"smtpctl/protocol/smtpdsim"
)

// startSim starts a simulated smtpd with three envelopes and returns the path of
// its control socket and a function that ends it.
func startSim() (socket string, stop func()) {
	path, remove, err := smtpdsim.TempSocket()
	if err != nil {
		log.Fatal(err)
	}
	s, err := smtpdsim.Start(path, smtpdsim.Config{})
	if err != nil {
		log.Fatal(err)
	}
	const text = "version: 3\ntype: mta\nsender: alice@example.org\nrcpt: %s\ndest: %[1]s\n"
	later := time.Now().Add(time.Hour).Unix()
	s.Add(
		smtpdsim.Envelope{ID: 0x1111111100000001, Flags: protocol.FlagPending, Time: later, Text: fmt.Sprintf(text, "bob@example.net")},
		smtpdsim.Envelope{ID: 0x1111111100000002, Flags: protocol.FlagPending, Time: later, Text: fmt.Sprintf(text, "carol@example.com")},
		smtpdsim.Envelope{ID: 0x2222222200000003, Flags: protocol.FlagPending, Time: later, Text: fmt.Sprintf(text, "dave@example.net")},
	)
	return path, func() {
		s.Close()
		remove()
	}
}

// List the queue. With a real smtpd the path is protocol.DefaultSocket.
func ExampleConn_Envelopes() {
	socket, stop := startSim()
	defer stop()

	ctx := context.Background()
	c, err := protocol.Dial(ctx, socket, protocol.Options{Timeout: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for e, err := range c.Envelopes(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.ID, e.Sender, e.Dest)
	}
	// Output:
	// 1111111100000001 alice@example.org bob@example.net
	// 1111111100000002 alice@example.org carol@example.com
	// 2222222200000003 alice@example.org dave@example.net
}

// Remove the mail for one domain. The loop collects the ids first, so that what
// was looked at is what is removed, whatever comes in the meantime.
func ExampleConn_Act() {
	socket, stop := startSim()
	defer stop()

	ctx := context.Background()
	c, err := protocol.Dial(ctx, socket, protocol.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	var ids []protocol.EnvelopeID
	for e, err := range c.Envelopes(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if e.Dest.Domain == "example.net" {
			ids = append(ids, e.ID)
		}
	}
	unconfirmed, err := c.Act(ctx, protocol.RemoveEnvelope, ids, func(id protocol.EnvelopeID, ok bool) {
		fmt.Println(id, ok)
	})
	if err != nil {
		log.Fatalf("%v; smtpd did not confirm the last %d requests", err, unconfirmed)
	}
	// Output:
	// 1111111100000001 true
	// 2222222200000003 true
}

// Read the statistics, one round trip for each.
func ExampleConn_Stats() {
	socket, stop := startSim()
	defer stop()

	ctx := context.Background()
	c, err := protocol.Dial(ctx, socket, protocol.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for st, err := range c.Stats(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		if st.Key == "scheduler.envelope" {
			fmt.Println(st.Key, st.Text())
		}
	}
	// Output:
	// scheduler.envelope 3
}
