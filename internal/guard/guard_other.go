//go:build !unix

package guard

import "errors"

// Process stands for a guarded program on systems without process groups.
type Process struct{ done chan struct{} }

// Start refuses.
func Start(Options) (*Process, error) {
	return nil, errors.New("this needs Linux or macOS; use Docker or WSL")
}

// Group is the number of the program's process.
func (p *Process) Group() int { return 0 }

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// State says how the program ended.
func (p *Process) State() string { return "" }

// Gone is Done.
func (p *Process) Gone() <-chan struct{} { return p.done }

// Mark does nothing on this system.
func (p *Process) Mark() {}

// Sweep does nothing on this system.
func (p *Process) Sweep() {}

// End does nothing on this system.
func (p *Process) End() {}
