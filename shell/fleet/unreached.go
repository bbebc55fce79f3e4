package fleet

// A process that is confined can start no ssh. So machines that could not be reached before are
// remembered with the error, which each attempt to connect to them gives again.

// Fail records that a machine could not be reached before the process was confined, unless err
// is nil.
func (f *Fleet) Fail(host string, err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failed == nil {
		f.failed = map[string]error{}
	}
	f.failed[host] = err
}

// Failure returns why a machine could not be reached before the process was confined.
func (f *Fleet) Failure(host string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed[host]
}
