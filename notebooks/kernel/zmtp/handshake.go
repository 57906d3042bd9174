package zmtp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Kind is the type of a listening socket.
type Kind string

// The kinds of sockets of a Jupyter kernel. A Router receives from all peers and sends to the peer
// that a message names. A Publisher sends to all peers. An Echo returns each message to its sender,
// as heartbeats demand.
const (
	Router    Kind = "ROUTER"
	Publisher Kind = "PUB"
	Echo      Kind = "REP"
)

// partners are the types of peers that may connect to a socket of each kind.
var partners = map[Kind][]string{
	Router:    {"REQ", "DEALER", "ROUTER"},
	Publisher: {"SUB", "XSUB"},
	Echo:      {"REQ", "DEALER"},
}

const (
	greetingSize = 64
	versionEnd   = 11 // of the greeting: its signature and the major version
	mechanismEnd = 32
	maxIdentity  = 255
	maxCommand   = 8 << 10
)

// greeting is this side's greeting: version 3.0 with the mechanism NULL, which has no server.
func greeting() []byte {
	g := make([]byte, greetingSize)
	g[0], g[9], g[10] = 0xff, 0x7f, 3
	copy(g[12:], "NULL")
	return g
}

// shake makes the handshake of ZMTP 3.0 with the mechanism NULL, and returns the identity of the
// peer, or "" if the peer has none. The specification is https://rfc.zeromq.org/spec/23.
func shake(r *bufio.Reader, w io.Writer, kind Kind) (identity string, err error) {
	// The client waits for this side's greeting before it sends the end of its own.
	if _, err := w.Write(greeting()); err != nil {
		return "", err
	}
	if err := readGreeting(r); err != nil {
		return "", err
	}
	ready := encodeCommand("READY", property(nil, "Socket-Type", string(kind)))
	if _, err := w.Write(ready); err != nil {
		return "", err
	}
	m, err := readMessage(r, limits{bytes: maxCommand, parts: 1}, func(int) error { return nil })
	if err != nil {
		return "", err
	}
	if m.name != "READY" {
		return "", fmt.Errorf("%w: no READY command", errMalformed)
	}
	properties, err := parseProperties(m.body)
	if err != nil {
		return "", err
	}
	if peer := properties["socket-type"]; !slices.Contains(partners[kind], peer) {
		return "", fmt.Errorf("%w: a %s socket has no peers of type %.20q", errMalformed, kind, peer)
	}
	if identity = properties["identity"]; len(identity) > maxIdentity {
		return "", fmt.Errorf("%w: an identity of %d bytes", errMalformed, len(identity))
	}
	return identity, nil
}

// readGreeting reads the greeting of the peer.
func readGreeting(r io.Reader) error {
	var g [greetingSize]byte
	if _, err := io.ReadFull(r, g[:versionEnd]); err != nil {
		return err
	}
	if g[0] != 0xff || g[9]&1 == 0 || g[10] < 3 {
		return fmt.Errorf("%w: no greeting of version 3", errMalformed)
	}
	if _, err := io.ReadFull(r, g[versionEnd:]); err != nil {
		return err
	}
	if mechanism := bytes.TrimRight(g[12:mechanismEnd], "\x00"); string(mechanism) != "NULL" {
		return fmt.Errorf("%w: the mechanism %.20q, not NULL", errMalformed, mechanism)
	}
	return nil
}

// property appends a property of a READY command.
func property(to []byte, name, value string) []byte {
	to = append(append(to, byte(len(name))), name...)
	return append(binary.BigEndian.AppendUint32(to, uint32(len(value))), value...)
}

// parseProperties reads the properties of a READY command. Their names do not distinguish case.
func parseProperties(data []byte) (map[string]string, error) {
	all := map[string]string{}
	for len(data) > 0 {
		n := int(data[0])
		if n == 0 || len(data) < 1+n+4 {
			return nil, fmt.Errorf("%w: a property without a name or a size", errMalformed)
		}
		name, rest := strings.ToLower(string(data[1:1+n])), data[1+n:]
		size := binary.BigEndian.Uint32(rest)
		if rest = rest[4:]; uint64(size) > uint64(len(rest)) {
			return nil, fmt.Errorf("%w: a property of %d bytes", errMalformed, size)
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("%w: a property given twice", errMalformed)
		}
		all[name], data = string(rest[:size]), rest[size:]
	}
	return all, nil
}
