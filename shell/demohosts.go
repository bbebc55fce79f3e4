package shell

import "fmt"

// maxDemoHosts is how many machines a demo may have beside this one.
const maxDemoHosts = 50

// startDemoHosts starts the simulated machines of a demo, mx1 to mxK, each with a queue of its
// own. They end when the returned function is called.
func (s *Session) startDemoHosts(messages, hosts int) (end func(), err error) {
	var demos []*demo
	end = func() {
		for _, d := range demos {
			d.close()
		}
	}
	sockets := map[string]string{}
	for i := 1; i <= hosts; i++ {
		d, err := s.startDemo(messages, "", demoSeed+uint64(i))
		if err != nil {
			return end, err
		}
		demos = append(demos, d)
		sockets[fmt.Sprintf("mx%d", i)] = d.sim.Path()
	}
	if hosts > 0 {
		s.fleet.Simulate(sockets)
	}
	return end, nil
}
