package wire

import (
	"os"
	"sync"
)

// Tap hands on what is written to a pipe. Others can wait until all is handed on that is in the
// pipe at the time, which keeps the order of messages that come by different pipes.
type Tap struct {
	file *os.File
	take func(piece []byte)

	mu     sync.Mutex // is held while a piece is read and handed on
	buffer []byte
}

// capacity is the number of bytes that a pipe holds.
const capacity = 1 << 16

// NewTap returns a tap of the reading end of a pipe. take receives the pieces one after the other,
// and must not keep them.
func NewTap(file *os.File, take func(piece []byte)) *Tap {
	return &Tap{file: file, take: take, buffer: make([]byte, capacity)}
}
