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

// Version is the version of Jupyter's protocol that kernels and clients of this package speak.
const Version = "5.5"

// Message is a Jupyter message, of
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
	Subshell string `json:"subshell_id,omitempty"`
}

// NewHeader returns the header of a new message.
func NewHeader(session, kind string) Header {
	return Header{
		ID: RandomToken(), Session: session, Username: "eqflow",
		Date: time.Now().UTC().Format(time.RFC3339Nano), Type: kind, Version: Version,
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

// The errors of Verify and Decode.
var (
	ErrNoMessage = errors.New("that has too few frames")
	ErrSignature = errors.New("without a valid signature")
	ErrHeader    = errors.New("whose header, parent header or metadata is not as the protocol demands")
	// ErrContent is about a message whose other parts are valid, so that it can be answered.
	ErrContent = errors.New("content is not a JSON object")
)

// maxHeader is the number of bytes of a header, which every output of a request repeats.
const maxHeader = 64 << 10

// Verify checks the signature of a message, and returns the signature and its parts: header, parent
// header, metadata, content, buffers. It reads nothing before the signature is right.
func (k Signer) Verify(frames [][]byte) (identities [][]byte, signature string, parts [][]byte, err error) {
	const signed = 4
	for i, f := range frames {
		if !bytes.Equal(f, delimiter) {
			continue
		}
		if len(frames) < i+2+signed {
			break
		}
		identities, parts = frames[:i], frames[i+2:]
		if !hmac.Equal(frames[i+1], []byte(k.sign(parts[:signed]))) {
			return nil, "", nil, ErrSignature
		}
		return identities, string(frames[i+1]), parts, nil
	}
	return nil, "", nil, ErrNoMessage
}

// Decode verifies and reads a message. With ErrContent, everything but the content is read.
func (k Signer) Decode(frames [][]byte) (m Message, err error) {
	identities, _, parts, err := k.Verify(frames)
	if err != nil {
		return m, err
	}
	m.Identities, m.Buffers = identities, parts[4:]
	if len(parts[0]) > maxHeader || len(parts[1]) > maxHeader {
		return m, ErrHeader
	}
	err = errors.Join(json.Unmarshal(parts[0], &m.Header), json.Unmarshal(parts[1], &m.Parent),
		json.Unmarshal(parts[2], &m.Metadata))
	if err != nil || m.Header.ID == "" || m.Header.Type == "" {
		return m, ErrHeader
	}
	if json.Unmarshal(parts[3], &m.Content) != nil || m.Content == nil { // nil for null
		return m, ErrContent
	}
	return m, nil
}

// Renew writes a signed message with another header, and signs it anew.
func (k Signer) Renew(frames [][]byte, header Header) ([][]byte, error) {
	identities, _, parts, err := k.Verify(frames)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(header)
	if err != nil {
		return nil, err
	}
	parts = append([][]byte{text}, parts[1:]...)
	renewed := append(append([][]byte{}, identities...), delimiter, []byte(k.sign(parts[:4])))
	return append(renewed, parts...), nil
}

// Parse reads a message. ok is false if the frames are no message or the signature is wrong.
func (k Signer) Parse(frames [][]byte) (m Message, ok bool) {
	m, err := k.Decode(frames)
	return m, err == nil
}

// Frames writes a message, with its signature.
func (k Signer) Frames(m Message) (zmq4.Msg, error) {
	parts := make([][]byte, 4)
	metadata := m.Metadata
	if metadata == nil {
		metadata = map[string]any{}
	}
	content := m.Content
	if content == nil {
		content = map[string]any{}
	}
	for i, v := range []any{m.Header, m.Parent, metadata, content} {
		var err error
		if parts[i], err = json.Marshal(v); err != nil {
			return zmq4.Msg{}, err
		}
	}
	all := append([][]byte{}, m.Identities...)
	all = append(append(all, delimiter, []byte(k.sign(parts))), parts...)
	return zmq4.NewMsgFrom(append(all, m.Buffers...)...), nil
}
