//go:build unix

package zmtp

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
)

// promise is a frame that promises more bytes than follow.
func promise(flags byte, size uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{flags | flagLong}, size)
}

// hostile lists bytes that no well-meaning client sends, before its handshake and after it.
func hostile() (before, after map[string][]byte) {
	old, plain := greeting(), greeting()
	old[10] = 2
	copy(plain[12:], "CURVE\x00")
	command := func(name string, body []byte) []byte { return slices.Concat(greeting(), encodeCommand(name, body)) }
	before = map[string][]byte{
		"HTTP": []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "version 2": old, "mechanism CURVE": plain,
		"zeros":                     make([]byte, 64),
		"READY of 2^40 bytes":       append(greeting(), promise(flagCommand, 1<<40)...),
		"READY of 2^63 bytes":       append(greeting(), promise(flagCommand, 1<<63)...),
		"READY with a long name":    command("READY", append([]byte{255}, "Socket-Type"...)),
		"READY with a long value":   command("READY", binary.BigEndian.AppendUint32([]byte("\x01a"), 1<<32-1)),
		"READY cut in a size":       command("READY", []byte("\x0bSocket-Type\x00\x00")),
		"READY with an empty name":  command("READY", make([]byte, 64)),
		"READY twice the same":      command("READY", property(property(nil, "a", "b"), "A", "c")),
		"READY of an unknown type":  command("READY", property(nil, "Socket-Type", "NOSUCH")),
		"READY without a type":      command("READY", nil),
		"READY with a long id":      append(greeting(), ready("DEALER", string(make([]byte, 256)))...),
		"a subscriber at a ROUTER":  append(greeting(), ready("SUB", "")...),
		"ERROR":                     command("ERROR", []byte("\x00")),
		"a command without a name":  append(greeting(), flagCommand, 0),
		"a name longer than itself": append(greeting(), flagCommand, 2, 200, 'R'),
		"a message for a READY":     append(greeting(), encode([][]byte{[]byte("READY")})...),
	}
	after = map[string][]byte{
		"a frame of 2^40 bytes":     promise(0, 1<<40),
		"a frame of 2^64-1 bytes":   promise(0, 1<<64-1),
		"a second frame of 2^40":    append([]byte{flagMore, 1, 'a'}, promise(0, 1<<40)...),
		"a command of 2^40 bytes":   promise(flagCommand, 1<<40),
		"a command inside":          append([]byte{flagMore, 1, 'a'}, encodeCommand("PING", nil)...),
		"a command that continues":  {flagCommand | flagMore, 5, 4, 'P', 'I', 'N', 'G'},
		"reserved flags":            {0xf8, 1, 'a'},
		"frames without end":        bytes.Repeat([]byte{flagMore, 0}, 1<<20),
		"5 MiB in frames of 255":    bytes.Repeat(append([]byte{flagMore, 255}, make([]byte, 255)...), 5<<20/255),
		"5 MiB in one frame":        append(promise(0, 5<<20), make([]byte, 5<<20)...),
		"an empty command":          {flagCommand, 0},
		"a command of a zero name":  {flagCommand, 1, 0},
		"a name longer than itself": {flagCommand, 2, 9, 'x'},
	}
	return before, after
}

// Hostile bytes cost their connection and little memory, and good clients are served afterwards.
func TestHostileBytesEndTheirConnectionOnly(t *testing.T) {
	s, reported := listening(t, Router)
	go echoAll(s)
	before, after := hostile()
	var start, end runtime.MemStats
	runtime.ReadMemStats(&start)
	for name, bytes := range before {
		c := connect(t, s)
		if c.put(t, bytes); !c.closed() {
			t.Errorf("%s: the connection stays open", name)
		}
	}
	for name, bytes := range after {
		c := handshaken(t, s, "DEALER", "")
		if c.put(t, bytes); !c.closed() {
			t.Errorf("%s: the connection stays open", name)
		}
	}
	ask(t, s)
	runtime.ReadMemStats(&end)
	if used := (end.TotalAlloc - start.TotalAlloc) >> 20; used > 200 {
		t.Errorf("%d MiB were reserved for %d attacks", used, len(before)+len(after))
	}
	if found := reported.with("closed"); len(found) != 1 {
		t.Errorf("reported: %q", found)
	}
}

// A subscriber that was there before a crowd of others misses nothing, and a later one gets in.
func TestSubscribersSurviveACrowd(t *testing.T) {
	s, _ := listening(t, Publisher)
	subscribe := encode([][]byte{{1}})
	early := handshaken(t, s, "SUB", "")
	early.put(t, subscribe)
	for range 5 * mostStrangers {
		handshaken(t, s, "SUB", "")
	}
	late := handshaken(t, s, "SUB", "")
	late.put(t, subscribe)
	await(t, "both have subscribed", func() bool { return len(s.receivers("")) == 2 })
	if err := s.Send([][]byte{[]byte("news")}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*raw{early, late} {
		if m, err := c.next(); err != nil || string(m.frames[0]) != "news" {
			t.Errorf("a subscriber receives %v, %v", m, err)
		}
	}
}
