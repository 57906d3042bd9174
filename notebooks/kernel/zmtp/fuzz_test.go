package zmtp

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"testing"
)

// The seeds of the targets are in testdata/fuzz: attacks, and what good clients send.

// No bytes of a client end the process in the handshake, or reserve memory that has not arrived. A
// handshake that succeeds is with a peer of a right type.
func FuzzHandshake(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []Kind{Router, Publisher, Echo} {
			identity, err := shake(bufio.NewReader(bytes.NewReader(data)), io.Discard, kind)
			if err == nil && (len(identity) > maxIdentity || !bytes.HasPrefix(data, []byte{0xff})) {
				t.Errorf("a %s socket accepts %q", kind, data)
			}
		}
	})
}

// No bytes of a client end the process or exceed a limit. What is read as a message is the same
// after it was written again.
func FuzzMessage(f *testing.F) {
	limit := limits{bytes: 1 << 10, parts: 8}
	f.Fuzz(func(t *testing.T, data []byte) {
		reserved := 0
		read := func(data []byte) (message, error) {
			return readMessage(bufio.NewReader(bytes.NewReader(data)), limit, func(n int) error {
				reserved += n
				return nil
			})
		}
		m, err := read(data)
		if reserved > limit.bytes+maxCommand || len(m.frames) > limit.parts {
			t.Errorf("%d bytes were reserved for %d frames", reserved, len(m.frames))
		}
		if err != nil {
			if !errors.Is(err, errMalformed) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Error(err)
			}
			return
		}
		written := encode(m.frames)
		if m.name != "" {
			written = encodeCommand(m.name, m.body)
		}
		again, err := read(written)
		if err != nil || again.name != m.name || !bytes.Equal(again.body, m.body) ||
			!slices.EqualFunc(again.frames, m.frames, bytes.Equal) {
			t.Errorf("%+v becomes %+v, %v", m, again, err)
		}
	})
}
