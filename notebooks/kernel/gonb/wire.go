package gonb

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-zeromq/zmq4"
)

// Message is a Jupyter message, of version 5.3 of
// https://jupyter-client.readthedocs.io/en/stable/messaging.html.
type Message struct {
	Identities [][]byte // the routing prefix; for a published message, its topic
	Header     Header
	Parent     Header
	Metadata   map[string]any
	Content    map[string]any
	Buffers    [][]byte
}

// Header identifies a message: its type, its sender and its time.
type Header struct {
	ID       string `json:"msg_id"`
	Session  string `json:"session"`
	Username string `json:"username"`
	Date     string `json:"date"`
	Type     string `json:"msg_type"`
	Version  string `json:"version"`
}

// NewHeader returns the header of a new message.
func NewHeader(session, kind string) Header {
	return Header{
		ID: RandomToken(), Session: session, Username: "eqflow",
		Date: time.Now().UTC().Format(time.RFC3339Nano), Type: kind, Version: "5.3",
	}
}

// MarshalJSON writes an absent header, such as the parent of a request, as the empty object.
func (h Header) MarshalJSON() ([]byte, error) {
	if h == (Header{}) {
		return []byte("{}"), nil
	}
	type plain Header
	return json.Marshal(plain(h))
}

// RandomToken returns 128 random bits in hexadecimal, for a key or an identity.
func RandomToken() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// Signer signs messages with a connection's key, by HMAC-SHA256. An empty key signs nothing, as the
// protocol demands.
type Signer []byte

func (k Signer) sign(parts [][]byte) string {
	if len(k) == 0 {
		return ""
	}
	mac := hmac.New(sha256.New, k)
	for _, p := range parts {
		mac.Write(p)
	}
	return hex.EncodeToString(mac.Sum(nil))
}

var delimiter = []byte("<IDS|MSG>")

// Parse reads a message. ok is false if the frames are no message or the signature is wrong.
func (k Signer) Parse(frames [][]byte) (m Message, ok bool) {
	for i, f := range frames {
		if !bytes.Equal(f, delimiter) || len(frames) < i+6 {
			continue
		}
		m.Identities, m.Buffers = frames[:i], frames[i+6:]
		err := errors.Join(json.Unmarshal(frames[i+2], &m.Header), json.Unmarshal(frames[i+3], &m.Parent),
			json.Unmarshal(frames[i+4], &m.Metadata), json.Unmarshal(frames[i+5], &m.Content))
		return m, err == nil && hmac.Equal(frames[i+1], []byte(k.sign(frames[i+2:i+6])))
	}
	return Message{}, false
}

// Frames writes a message, with its signature.
func (k Signer) Frames(m Message) (zmq4.Msg, error) {
	parts := make([][]byte, 4)
	metadata := m.Metadata
	if metadata == nil {
		metadata = map[string]any{}
	}
	for i, v := range []any{m.Header, m.Parent, metadata, m.Content} {
		var err error
		if parts[i], err = json.Marshal(v); err != nil {
			return zmq4.Msg{}, err
		}
	}
	all := append([][]byte{}, m.Identities...)
	all = append(append(all, delimiter, []byte(k.sign(parts))), parts...)
	return zmq4.NewMsgFrom(append(all, m.Buffers...)...), nil
}
