package serve

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// attacker is a connection that sends bytes as an attacker likes.
type attacker struct {
	net.Conn
	in *bufio.Reader
}

// attack connects to a socket of a kernel.
func attack(t testing.TB, network, address string) *attacker {
	t.Helper()
	conn, err := net.DialTimeout(network, address, 20*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &attacker{conn, bufio.NewReader(conn)}
}

// put sends bytes. The kernel may have closed the connection.
func (a *attacker) put(all ...[]byte) {
	_ = a.SetWriteDeadline(time.Now().Add(20 * time.Second))
	_, _ = a.Write(bytes.Join(all, nil))
}

// frame is a frame of ZMTP.
func frame(flags byte, body []byte) []byte {
	head := binary.BigEndian.AppendUint64([]byte{flags | 2}, uint64(len(body)))
	return append(head, body...)
}

// frames is a message of ZMTP.
func frames(all [][]byte) (bytes []byte) {
	for i, f := range all {
		flags := byte(1)
		if i == len(all)-1 {
			flags = 0
		}
		bytes = append(bytes, frame(flags, f)...)
	}
	return bytes
}

// greeting and ready are what a client sends first.
var greeting = append(append([]byte("\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03\x00NULL"), make([]byte, 16)...),
	make([]byte, 32)...)

func ready(kind, identity string) []byte {
	body := []byte("\x05READY")
	for _, p := range [][2]string{{"Socket-Type", kind}, {"Identity", identity}} {
		body = append(append(body, byte(len(p[0]))), p[0]...)
		body = append(binary.BigEndian.AppendUint32(body, uint32(len(p[1]))), p[1]...)
	}
	return append([]byte{4, byte(len(body))}, body...)
}

// hostileBytes lists what no front end sends.
func hostileBytes() map[string][]byte {
	promise := func(flags byte) []byte { return binary.BigEndian.AppendUint64([]byte{flags | 2}, 1<<40) }
	after := func(kind string, all ...[]byte) []byte {
		return append(append(bytes.Clone(greeting), ready(kind, "")...), bytes.Join(all, nil)...)
	}
	curve := bytes.Clone(greeting)
	copy(curve[12:], "CURVE")
	deep := []byte(strings.Repeat("[", 1<<20))
	all := map[string][]byte{
		"HTTP": []byte("GET / HTTP/1.1\r\n\r\n"), "mechanism CURVE": curve,
		"READY promising 2^40 bytes": append(bytes.Clone(greeting), promise(4)...),
		"READY cut in a property":    append(bytes.Clone(greeting), "\x04\x0a\x05READY\xffabc"...),
		"READY of an unknown type":   append(bytes.Clone(greeting), ready("NOSUCH", "")...),
	}
	for _, kind := range []string{"DEALER", "SUB", "REQ"} {
		all["2^40 bytes from "+kind] = after(kind, promise(0))
		all["a command of 2^40 bytes from "+kind] = after(kind, promise(4))
		all["frames without end from "+kind] = after(kind, bytes.Repeat([]byte{1, 0}, 1<<18))
		all["no envelope from "+kind] = after(kind, frames([][]byte{[]byte("x")}), frames([][]byte{{}}))
		mark := []byte("<IDS|MSG>")
		all["unsigned deep JSON from "+kind] = after(kind, frames([][]byte{mark, {}, deep, deep, deep, deep}))
		all["delimiters alone from "+kind] = after(kind, frames([][]byte{mark, mark}))
	}
	return all
}

// raw returns a message with a right signature and the given texts as its parts.
func raw(key gonb.Signer, header, parent, metadata, content string) zmq4.Msg {
	mac := hmac.New(sha256.New, key)
	all := [][]byte{[]byte("<IDS|MSG>"), nil}
	for _, part := range []string{header, parent, metadata, content} {
		mac.Write([]byte(part))
		all = append(all, []byte(part))
	}
	all[1] = []byte(hex.EncodeToString(mac.Sum(nil)))
	return zmq4.NewMsgFrom(all...)
}

// wrongMessages lists messages with a right signature and a wrong part.
func wrongMessages(key gonb.Signer) (all []zmq4.Msg) {
	header := func(kind string) string {
		return fmt.Sprintf(`{"msg_id":%q,"session":"s","username":"u","date":"","msg_type":%q,"version":"5.3"}`,
			gonb.RandomToken(), kind)
	}
	tables := maps.Clone(gonb.Requests)
	maps.Copy(tables, gonb.Inputs)
	for kind, fields := range tables {
		contents := []string{"null", "[]", `"text"`, "7", "true"}
		if kind != "shutdown_request" {
			contents = append(contents, "{}")
		}
		for _, f := range fields {
			for _, value := range []string{"[]", "{}", "null", "7", `"text"`, "true", "-1e308"} {
				if kind != "shutdown_request" || value != "true" && value != "null" {
					const others = `{"code":"%%%%","cursor_pos":0,"comm_id":"","target_name":"",%q:%s}`
					contents = append(contents, fmt.Sprintf(others, f.Name, value))
				}
			}
		}
		for _, content := range contents {
			all = append(all, raw(key, header(kind), "{}", "{}", content))
		}
	}
	const good = `{"code":"%%","silent":true}`
	deep := strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000)
	for _, part := range []string{"null", "[]", `"text"`, "7", "{}", deep, `{"msg_id":1,"msg_type":[]}`, ""} {
		all = append(all, raw(key, part, "{}", "{}", good))
		if part != "{}" && part != "null" {
			all = append(all, raw(key, header("execute_request"), part, "{}", good))
			all = append(all, raw(key, header("execute_request"), "{}", deep, good))
		}
	}
	return append(all,
		raw(key, header("execute_request"), "{}", "{}", `{"code":`+deep+`}`),
		raw(key, header("execute_request"), "{}", "{}", "{\"code\":\"\xff\xfe\x00\"}"),
		raw(key, header(strings.Repeat("x", 1<<20)), "{}", "{}", "{}"),
		raw(key, header("no_such_request"), "{}", "{}", "{}"))
}

// testHostileClients attacks a served kernel in ways that once ended it or made it deaf.
func testHostileClients(t *testing.T, k *served) {
	for port := 1; port <= 5; port++ {
		address := fmt.Sprintf("%s-%d", filepath.Join(k.folder, "s"), port)
		for range 10 {
			attack(t, "unix", address)
			attack(t, "unix", address).put(greeting[:20])
		}
		for _, bytes := range hostileBytes() {
			attack(t, "unix", address).put(bytes)
		}
	}
	if got, _, _ := k.cell(t, "%%\nfmt.Print(\"still here\")"); got != "still here" {
		t.Errorf("after hostile bytes a cell shows %q", got)
	}
}

// testReplay sends a request to run a cell again and again, to two sockets.
func testReplay(t *testing.T, k *served) {
	path := filepath.Join(k.folder, "runs")
	request := signed(t, k.key, "execute_request", map[string]any{"code": "!echo run >> " + path})
	for range 3 {
		for _, socket := range []zmq4.Socket{k.Shell, k.Control} {
			if err := socket.SendMulti(zmq4.NewMsgFrom(request...)); err != nil {
				t.Fatal(err)
			}
		}
	}
	awaitFile(t, path)
	k.cell(t, "!true") // GoNB runs cells in their order
	if text, err := os.ReadFile(path); err != nil || string(text) != "run\n" {
		t.Errorf("the cell has run %d times, %v", strings.Count(string(text), "run"), err)
	}
}

// testWrongMessages sends messages of a front end with an error.
func testWrongMessages(t *testing.T, k *served) {
	for _, m := range wrongMessages(k.key) {
		for _, socket := range []zmq4.Socket{k.Shell, k.Control, k.Stdin} {
			if err := socket.SendMulti(m); err != nil {
				t.Fatal(err)
			}
		}
	}
	id, err := k.Send(k.Shell, "execute_request", map[string]any{"code": 7})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := contextFor(t)
	defer stop()
	m, err := k.Reply(ctx, id)
	reason := text(m.Content["evalue"])
	if err != nil || m.Content["status"] != "error" || !strings.Contains(reason, "code in the content") {
		t.Errorf("a cell of code 7 is answered by %v, %v", m.Content, err)
	}
	if got, _, _ := k.cell(t, "%%\nfmt.Print(\"still here\")"); got != "still here" {
		t.Errorf("after wrong messages a cell shows %q", got)
	}
}

// testPrivacy checks that no other user has access to the kernel's key and sockets.
func testPrivacy(t *testing.T, k *served) {
	holders := 0
	err := filepath.WalkDir(k.folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.Name() == "go-build" {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return nil // removed meanwhile
		}
		mode := info.Mode()
		switch {
		case strings.HasPrefix(entry.Name(), "eqflow-gonb-") && mode.Perm() != 0o700,
			path == k.folder && mode.Perm() != 0o700,
			mode&os.ModeSocket != 0 && filepath.Dir(path) == k.folder && mode.Perm() != 0o600:
			t.Errorf("%s has the mode %v", path, mode)
		case mode.IsRegular():
			if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, k.key) {
				if holders++; mode.Perm() != 0o600 {
					t.Errorf("%s holds the key and has the mode %v", path, mode)
				}
			}
		}
		return nil
	})
	if err != nil || holders != 2 { // Jupyter's connection file and GoNB's
		t.Errorf("%d files hold the key, %v", holders, err)
	}
}
