//go:build unix

package host

import (
	"encoding/gob"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/janpfeifer/gonb/gonbui"
	"github.com/janpfeifer/gonb/gonbui/protocol"
)

// slowKernel reads what gonbui displays, and takes a while for each display.
type slowKernel struct {
	to, back *os.File
	took     time.Duration
	shown    atomic.Int64
}

// newSlowKernel starts a kernel that this process's gonbui talks to.
func newSlowKernel(t *testing.T, took time.Duration) *slowKernel {
	k := &slowKernel{took: took}
	for name, file := range map[string]**os.File{protocol.GONB_PIPE_ENV: &k.to, protocol.GONB_PIPE_BACK_ENV: &k.back} {
		path := filepath.Join(t.TempDir(), "pipe")
		err := syscall.Mkfifo(path, 0o600)
		if err == nil {
			*file, err = os.OpenFile(path, os.O_RDWR, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv(name, path)
	}
	t.Cleanup(k.close)
	gonbui.IsNotebook = true
	go k.serve()
	return k
}

func (k *slowKernel) close() { _, _ = k.to.Close(), k.back.Close() }

func (k *slowKernel) serve() {
	decoder, answers := gob.NewDecoder(k.to), gob.NewEncoder(k.back)
	for {
		var d protocol.DisplayData
		if decoder.Decode(&d) != nil {
			return
		}
		if sync, ok := d.Data[protocol.MIMECommValue].(protocol.CommValue); ok {
			_ = answers.Encode(&protocol.CommValue{Address: protocol.GonbuiSyncAckAddress, Value: sync.Value})
			continue
		}
		time.Sleep(k.took)
		k.shown.Add(1)
	}
}

// A text waits for a kernel that is behind for a short time only. A cell's result and its end wait
// until the kernel has shown everything, also after such a text.
func TestTheEndWaitsForDisplays(t *testing.T) {
	const env = "EQFLOW_TEST_DISPLAYS"
	if os.Getenv(env) == "" { // gonbui opens its pipes once in a process
		child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		child.Env = append(os.Environ(), env+"=1")
		if said, err := child.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, said)
		}
		return
	}
	k := newSlowKernel(t, 4*patience)
	var d displays
	if d.open(); d.tap == nil {
		t.Fatal("gonbui has no pipe: ", gonbui.Error())
	}
	for i, wait := range []func(){d.end, d.settleAll, d.end} {
		gonbui.DisplayHTML("large")
		d.settle()
		if got := k.shown.Load(); got != int64(i) {
			t.Errorf("a text waits for display %d", i)
		}
		if wait(); k.shown.Load() != int64(i+1) {
			t.Errorf("the end does not wait for display %d", i)
		}
		if d.pending() {
			t.Errorf("display %d is shown, and the next text would wait", i)
		}
	}
	gonbui.DisplayHTML("asks again")
	for began := time.Now(); k.shown.Load() < 4; d.settle() {
		if time.Since(began) > time.Minute {
			t.Fatal("texts do not see that the kernel has shown a display")
		}
	}
	endWithoutKernel(t, k, &d)
}

// endWithoutKernel checks that the end does not wait for a kernel that has gone.
func endWithoutKernel(t *testing.T, k *slowKernel, d *displays) {
	gonbui.DisplayHTML("late")
	over := make(chan error, 1)
	go func() {
		d.end()
		over <- nil
	}()
	time.Sleep(patience)
	k.close()
	go func() {
		time.Sleep(20 * time.Second)
		over <- errors.New("the end waits for a kernel that has gone")
	}()
	gonbui.DisplayHTML("to nobody")
	if err := <-over; err != nil {
		t.Error(err)
	}
}
