package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"smtpctl/protocol/smtpdsim"
	"smtpctl/protocol/smtpdsim/simtest"
)

// benchMachines measures a command for fifty machines, to which the ways are of different
// lengths, next to the same command for the one that is farthest. The ways grow from 20 ms to
// 400 ms, each by the same factor, so that most machines are near and some are far, and stand in
// the list in no order. If 16 machines work at the same time, all their work fits just into the
// time of the farthest.
func benchMachines(t *testing.T) {
	const machines, nearest, farthest = 50, 20 * time.Millisecond, 400 * time.Millisecond
	b := newFarBed(t, "")
	trips := map[string]time.Duration{}
	var hosts []string
	alone, lines, last := "", 0, 0
	for i := range machines {
		host := fmt.Sprintf("far%02d", i)
		hosts = append(hosts, host)
		place := i * 23 % machines // 23 and 50 have no common factor
		trips[host] = time.Duration(float64(nearest) * math.Pow(float64(farthest/nearest), float64(place)/(machines-1)))
		sim, socket := simtest.Start(t, smtpdsim.Config{Seed: uint64(i + 1), Messages: 100})
		b.Leads(host, socket)
		n := len(sim.Envelopes())
		if lines += n; place == machines-1 {
			alone, last = host, n
		}
	}
	b.SlowEach(trips)
	list := strings.Join(hosts, ",")
	what := fmt.Sprintf("%d machines, %v to %v away, ", machines, nearest, farthest)
	for parallel, options := range map[string][]string{"16": nil, "50": {"--parallel", "50"}} {
		show := func(host string) []string { return append(slices.Clone(options), "--host", host, "show", "queue") }
		againstEach(what+parallel+" at a time, cold", 3, "at most 1.2", func() time.Duration { return ran(t, b.command(show(alone)...), last) },
			func() time.Duration { return ran(t, b.command(show(list)...), lines) })
		one, all := b.session(alone, options...), b.session(list, options...)
		againstEach(what+parallel+" at a time, connected", 5, "at most 1.2", func() time.Duration { return one.took("show queue", last) },
			func() time.Duration { return all.took("show queue", lines) })
	}
}
