package zmtp

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// The flags of a frame.
const (
	flagMore    = 1 // another frame of the same message follows
	flagLong    = 2 // the size has eight bytes, not one
	flagCommand = 4
)

// chunk is the number of bytes for which memory is reserved before they have arrived.
const chunk = 64 << 10

// errMalformed is the error for bytes that ZMTP does not allow, or that exceed a limit.
var errMalformed = errors.New("malformed ZMTP")

// limits bound what a peer may send.
type limits struct {
	bytes, parts int // of a message
}

// message is a message or, if name is not empty, a command.
type message struct {
	frames [][]byte
	name   string
	body   []byte // of the command
}

// size returns the number of bytes of a message.
func (m message) size() (n int) {
	for _, f := range m.frames {
		n += len(f)
	}
	return n
}

// readMessage reads a message or a command. It calls reserve before it reserves memory, and stops
// with the error of reserve.
func readMessage(r *bufio.Reader, limit limits, reserve func(bytes int) error) (m message, err error) {
	rest := limit.bytes
	for {
		flags, size, err := readHeader(r)
		if err != nil {
			return m, err
		}
		command := flags&flagCommand != 0
		switch {
		case command && (flags&flagMore != 0 || len(m.frames) > 0):
			return m, fmt.Errorf("%w: a command inside a message", errMalformed)
		case size > uint64(rest) || command && size > maxCommand:
			return m, fmt.Errorf("%w: a frame of %d bytes", errMalformed, size)
		case len(m.frames) == limit.parts:
			return m, fmt.Errorf("%w: a message of more than %d frames", errMalformed, limit.parts)
		}
		body, err := readBody(r, int(size), reserve)
		if err != nil {
			return m, err
		}
		if command {
			return parseCommand(body)
		}
		rest -= len(body)
		m.frames = append(m.frames, body)
		if flags&flagMore == 0 {
			return m, nil
		}
	}
}

// readHeader reads the flags and the size of a frame.
func readHeader(r *bufio.Reader) (flags byte, size uint64, err error) {
	if flags, err = r.ReadByte(); err != nil {
		return 0, 0, err
	}
	if flags&^(flagMore|flagLong|flagCommand) != 0 {
		return 0, 0, fmt.Errorf("%w: the flags %#x of a frame", errMalformed, flags)
	}
	var bytes [8]byte
	first := len(bytes) - 1
	if flags&flagLong != 0 {
		first = 0
	}
	_, err = io.ReadFull(r, bytes[first:])
	return flags, binary.BigEndian.Uint64(bytes[:]), err
}

// readBody reads size bytes. The memory grows with the bytes that have arrived, whatever size
// promises.
func readBody(r io.Reader, size int, reserve func(bytes int) error) ([]byte, error) {
	body := []byte{}
	for len(body) < size {
		n := min(size-len(body), max(chunk, len(body)))
		if err := reserve(n); err != nil {
			return nil, err
		}
		body = slices.Grow(body, n)
		if _, err := io.ReadFull(r, body[len(body):len(body)+n]); err != nil {
			return nil, err
		}
		body = body[:len(body)+n]
	}
	return body, nil
}

// parseCommand splits a command into its name and its body.
func parseCommand(body []byte) (message, error) {
	if len(body) == 0 || body[0] == 0 || len(body) <= int(body[0]) {
		return message{}, fmt.Errorf("%w: a command without a name", errMalformed)
	}
	n := int(body[0])
	return message{name: string(body[1 : 1+n]), body: body[1+n:]}, nil
}

// encode writes a message as bytes.
func encode(frames [][]byte) []byte {
	size := 0
	for _, f := range frames {
		size += 9 + len(f)
	}
	out := make([]byte, 0, size)
	for i, f := range frames {
		flags := byte(0)
		if i < len(frames)-1 {
			flags = flagMore
		}
		out = appendFrame(out, flags, f)
	}
	return out
}

// encodeCommand writes a command as bytes.
func encodeCommand(name string, body []byte) []byte {
	text := append([]byte{byte(len(name))}, name...)
	return appendFrame(nil, flagCommand, append(text, body...))
}

func appendFrame(out []byte, flags byte, body []byte) []byte {
	if len(body) > 255 {
		out = binary.BigEndian.AppendUint64(append(out, flags|flagLong), uint64(len(body)))
	} else {
		out = append(out, flags, byte(len(body)))
	}
	return append(out, body...)
}
