//go:build faults

package serve

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// peerOf is a type of peer that a socket accepts.
var peerOf = map[string]string{
	"shell_port": "DEALER", "control_port": "DEALER", "stdin_port": "DEALER", "iopub_port": "SUB", "hb_port": "REQ",
}

// A kernel at ports of this machine withstands every local user. The test prints what each attack
// has cost.
//
//	go test -tags faults -run KernelUnderAttack -v ./notebooks/kernel/serve
func TestKernelUnderAttack(t *testing.T) {
	startAttacked(t, 0).run([]row{
		{"hostile frames", tryHostileFrames},
		{"silent connections", trySilence},
		{"a crowd of idle peers", tryCrowd},
		{"forged signatures", tryForgeries},
		{"replays", tryReplays},
		{"the kernel's own messages", tryReflection},
		{"wrong messages with the key", tryWrongMessages},
		{"odd cells with the key", tryOddCells},
		{"a subscriber that does not read", tryDeafSubscribers},
		{"subscriptions without end", trySubscriptions},
		{"heartbeats of any form", tryHeartbeats},
		{"a taken identity", tryIdentity},
		{"fifty clients at once", tryFiftyClients},
	})
}

// A kernel that runs out of files is deaf only until the files are free again.
func TestKernelWithFewFiles(t *testing.T) {
	startAttacked(t, 100).run([]row{{"too many open files", func(k *attacked) string {
		const connections = 600
		all := make([]*attacker, connections)
		for i := range all {
			port := ports[i%len(ports)]
			all[i] = k.attack(port)
			all[i].put(greeting, ready(peerOf[port], ""))
		}
		time.Sleep(time.Second)
		if lost, _ := k.losses(); lost != "nothing" {
			k.t.Errorf("while %d connections are open: %s", connections, lost)
		}
		for _, a := range all {
			a.Close()
		}
		return fmt.Sprintf("%d connections with ulimit -n 100, held, then closed", connections)
	}}})
}

func tryHostileFrames(k *attacked) string {
	all := hostileBytes()
	for _, port := range ports {
		for _, bytes := range all {
			k.attack(port).put(bytes)
		}
	}
	return fmt.Sprintf("%d byte strings at each of %d sockets", len(all), len(ports))
}

func trySilence(k *attacked) string {
	const each = 50
	for _, port := range ports {
		for i := range each {
			switch a := k.attack(port); i % 3 {
			case 1:
				a.put(greeting[:11])
			case 2:
				a.handshake(peerOf[port], "").put([]byte{1, 9, 'x'})
			}
		}
	}
	return fmt.Sprintf("%d connections at each socket that stop at some point", each)
}

func tryCrowd(k *attacked) string {
	const each = 400
	var all []*attacker
	for _, port := range ports {
		for range each {
			all = append(all, k.attack(port).handshake(peerOf[port], ""))
		}
	}
	lost, _ := k.losses()
	if lost != "nothing" {
		k.t.Errorf("with a crowd: %s", lost)
	}
	for _, a := range all {
		a.Close()
	}
	return fmt.Sprintf("%d connections at each socket, with handshake, held", each)
}

func tryForgeries(k *attacked) string {
	path := filepath.Join(k.dir, "forged")
	request := func(key gonb.Signer) [][]byte {
		return signed(k.t, key, "execute_request", map[string]any{"code": "!touch " + path})
	}
	count := 0
	for _, port := range []string{"shell_port", "control_port", "stdin_port"} {
		a := k.attack(port).handshake("DEALER", "")
		other, truncated, longer := request(gonb.Signer("guess")), request(k.key), request(k.key)
		truncated[1], longer[1] = truncated[1][:32], append(longer[1], '0')
		changed, upper := request(k.key), request(k.key)
		changed[5] = []byte(`{"code":"!touch ` + path + `","silent":true}`)
		upper[1] = bytes.ToUpper(upper[1])
		for _, m := range [][][]byte{other, request(nil), truncated, longer, changed, upper, request(k.key)[:5]} {
			for range 20 {
				a.put(frames(m))
				count++
			}
		}
	}
	time.Sleep(2 * time.Second)
	if _, err := os.Stat(path); err == nil {
		k.t.Error("a forged request was run")
	}
	return fmt.Sprintf("%d messages: other key, no key, changed, cut", count)
}

func tryReplays(k *attacked) string {
	const copies = 30
	path := filepath.Join(k.dir, "runs")
	request := frames(signed(k.t, k.key, "execute_request", map[string]any{"code": "!echo run >> " + path}))
	for i := range copies {
		k.attack([]string{"shell_port", "control_port"}[i%2]).handshake("DEALER", "").put(request)
	}
	awaitFile(k.t, path)
	if err := k.witness.cell(serveLimit); err != nil {
		k.t.Error(err)
	}
	text, _ := os.ReadFile(path)
	runs := strings.Count(string(text), "run")
	if runs != 1 {
		k.t.Errorf("a cell that was sent %d times has run %d times", copies, runs)
	}
	return fmt.Sprintf("one request %d times, at two sockets: ran %d time", copies, runs)
}

// tryReflection sends everything back that the kernel publishes during a cell.
func tryReflection(k *attacked) string {
	listener := k.attack("iopub_port").handshake("SUB", "")
	listener.put(frames([][]byte{{1}}))
	time.Sleep(100 * time.Millisecond)
	if err := k.witness.cell(serveLimit); err != nil {
		k.t.Error(err)
	}
	_ = listener.SetReadDeadline(time.Now().Add(time.Second))
	var published bytes.Buffer
	_, _ = published.ReadFrom(listener.in)
	for _, port := range []string{"shell_port", "control_port", "stdin_port"} {
		k.attack(port).handshake("DEALER", "").put(published.Bytes())
	}
	if published.Len() == 0 {
		k.t.Error("nothing was published")
	}
	return fmt.Sprintf("%d bytes of published messages, to three sockets", published.Len())
}

func tryWrongMessages(k *attacked) string {
	all := wrongMessages(k.key)
	for _, m := range all {
		for _, socket := range []zmq4.Socket{k.witness.shell, k.witness.control} {
			if err := socket.SendMulti(m); err != nil {
				k.t.Fatal(err)
			}
		}
	}
	return fmt.Sprintf("%d messages with null, arrays, strings, … for each part", len(all))
}

// tryOddCells runs cells that GoNB might not expect.
func tryOddCells(k *attacked) string {
	codes := []string{
		"", " ", "\n", "%", "% ", "%%", "%% ", "!", "! ", "!*", "%with_inputs", "%with_password", "%eqflow", "%exec",
		"%env", "%env A", "%cd", "%rm", "%%script", "%%writefile", "%%nosuch", "\x00", "%goflags", "%track", "%untrack",
		"func", "import", "package", "type x", "`", "/*", "%args", "%test", "%reset x y", `%cd ""`,
		`%%writefile "`, `%capture ""`, "%  \\", "!\\\n\\", "//gonb:% ", "😀", "%%\n😀",
		strings.Repeat("\n", 10_000), strings.Repeat("{", 10_000), strings.Repeat("%ls\n", 100),
	}
	for _, code := range codes {
		for kind, content := range map[string]map[string]any{
			"execute_request":  {"code": code, "allow_stdin": false, "stop_on_error": false},
			"complete_request": {"code": code, "cursor_pos": len(code)},
			"inspect_request":  {"code": code, "cursor_pos": len(code) / 2},
		} {
			m := signed(k.t, k.key, kind, content)
			if err := k.witness.shell.SendMulti(zmq4.NewMsgFrom(m...)); err != nil {
				k.t.Fatal(err)
			}
		}
	}
	if err := k.witness.run("!true", "", 3*time.Minute); err != nil { // after all of them
		k.t.Error(err)
	}
	return fmt.Sprintf("%d texts to run, complete and inspect", len(codes))
}

func tryDeafSubscribers(k *attacked) string {
	for range 10 {
		k.attack("iopub_port").handshake("SUB", "").put(frames([][]byte{{1}}))
	}
	time.Sleep(100 * time.Millisecond)
	const much = `!head -c 150000000 /dev/zero | tr '\0' 'x' | fold -w 4000`
	if err := k.witness.run(much, "", 3*time.Minute); err != nil {
		k.t.Error(err)
	}
	return "10 subscribers, while a cell prints 150 MB"
}

func trySubscriptions(k *attacked) string {
	a := k.attack("iopub_port").handshake("SUB", "")
	const subscriptions = 100_000
	for i := range subscriptions {
		a.put(frames([][]byte{fmt.Append([]byte{1}, i)}))
	}
	return fmt.Sprintf("%d of one peer", subscriptions)
}

func tryHeartbeats(k *attacked) string {
	for _, m := range [][][]byte{
		{{}}, {[]byte("ping")}, {{}, {}}, {[]byte("a"), []byte("b")}, {{}, make([]byte, 1<<20)},
	} {
		k.attack("hb_port").handshake("DEALER", "").put(frames(m))
	}
	a := k.attack("hb_port").handshake("REQ", "")
	a.in.Reset(a)
	a.put(frames([][]byte{{}, []byte("ping")}))
	var answer []byte
	piece := make([]byte, 64)
	for deadline := time.Now().Add(serveLimit); !bytes.HasSuffix(answer, []byte("ping")); {
		_ = a.SetReadDeadline(deadline)
		n, err := a.in.Read(piece) // of the answer, perhaps
		if err != nil {
			k.t.Errorf("no heartbeat: %v", err)
			break
		}
		answer = append(answer, piece[:n]...)
	}
	return "messages without an envelope, then a ping"
}

func tryIdentity(k *attacked) string {
	for range 20 {
		for _, port := range []string{"shell_port", "control_port", "stdin_port"} {
			k.attack(port).handshake("DEALER", k.witness.id)
		}
	}
	return "20 connections with the identity of a client"
}

func tryFiftyClients(k *attacked) string {
	const clients = 50
	var all sync.WaitGroup
	var served atomic.Int32
	for range clients {
		all.Go(func() {
			v, err := k.visit(2 * time.Minute)
			if err != nil {
				k.t.Error(err)
				return
			}
			served.Add(1)
			v.close()
		})
	}
	all.Wait()
	return fmt.Sprintf("%d clients run a cell each: %d are served", clients, served.Load())
}

// handshake makes the handshake, and reads the kernel's.
func (a *attacker) handshake(kind, identity string) *attacker {
	a.put(greeting, ready(kind, identity))
	_ = a.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.ReadFull(a.in, make([]byte, 64)) // what follows is of no interest
	return a
}
