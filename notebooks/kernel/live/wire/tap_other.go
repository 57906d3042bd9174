//go:build !unix

package wire

// Run hands on pieces until the pipe ends or is closed.
func (t *Tap) Run() {
	for {
		n, err := t.file.Read(t.buffer)
		t.take(t.buffer[:n])
		if err != nil {
			return
		}
	}
}

// Drain does nothing: on this system no process holds living values.
func (t *Tap) Drain() {}
