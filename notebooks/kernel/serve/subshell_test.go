package serve

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// control sends a request on the control socket and returns the content of its reply.
func (k *served) control(t *testing.T, kind string, content map[string]any) map[string]any {
	t.Helper()
	id, err := k.Send(k.Control, kind, content)
	if err != nil {
		t.Fatal(err)
	}
	for {
		raw, err := k.Control.Recv()
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := k.key.Parse(raw.Frames); ok && m.Parent.ID == id {
			if want := gonb.ReplyType(kind); m.Header.Type != want {
				t.Errorf("the reply to %s is %s", kind, m.Header.Type)
			}
			return m.Content
		}
	}
}

// in sends a cell to a subshell and returns the reply.
func (k *served) in(t *testing.T, subshell, code string) gonb.Message {
	t.Helper()
	header := gonb.NewHeader("a subshell's client", "execute_request")
	header.Subshell = subshell
	raw, err := k.key.Frames(gonb.Message{Header: header, Content: map[string]any{"code": code}})
	if err == nil {
		err = k.Shell.SendMulti(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := contextFor(t)
	defer stop()
	m, err := k.Reply(ctx, header.ID)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// beginLoop begins a cell that writes into the map x until it is interrupted, and waits for its
// start.
func (k *served) beginLoop(t *testing.T) {
	t.Helper()
	out := k.subscribe(t)
	k.begin(t, "fmt.Println(\"begun\")\nfor i := 0; ctx.Err() == nil; i++ {\n\tx[i%10] = i\n}")
	for out().Header.Type != "stream" {
	}
}

// A subshell answers magics while a cell runs in the main shell. Go code waits for that cell.
func TestSubshells(t *testing.T) {
	k := serveLive(t, testMagics()...)
	k.live(t, context.Background(), "x := map[int]int{}")
	first, second := k.control(t, "create_subshell_request", nil), k.control(t, "create_subshell_request", nil)
	id := text(first["subshell_id"])
	if first["status"] != "ok" || id == "" || id == second["subshell_id"] {
		t.Fatalf("the subshells are %v and %v", first, second)
	}
	k.control(t, "delete_subshell_request", map[string]any{"subshell_id": second["subshell_id"]})
	if all := k.control(t, "list_subshell_request", nil); fmt.Sprint(all["subshell_id"]) != fmt.Sprint([]string{id}) {
		t.Errorf("the subshells are %v", all)
	}
	if got := k.control(t, "delete_subshell_request", map[string]any{"subshell_id": "none"}); got["status"] != "error" {
		t.Errorf("an unknown subshell is removed: %v", got)
	}
	if got := k.in(t, "none", "%eqflow vars"); got.Content["status"] != "error" {
		t.Errorf("an unknown subshell runs a cell: %v", got.Content)
	}
	info := k.control(t, "kernel_info_request", nil)
	if fmt.Sprint(info["supported_features"]) != "[kernel subshells]" {
		t.Errorf("the kernel is %v", info)
	}
	k.beginLoop(t)
	for range 20 {
		began := time.Now()
		m := k.in(t, id, "%eqflow vars")
		took := time.Since(began)
		if m.Content["status"] != "ok" || m.Parent.Subshell != id || took > 300*time.Millisecond {
			t.Errorf("after %s a subshell answers %v", took, m.Content)
		}
	}
	time.AfterFunc(300*time.Millisecond, func() { k.control(t, "interrupt_request", nil) })
	began := time.Now()
	if m := k.in(t, id, "len(x)"); m.Content["status"] != "ok" || time.Since(began) < 300*time.Millisecond {
		t.Errorf("Go in a subshell: %v after %s", m.Content, time.Since(began))
	}
}

// A front end that has asked something does not take a kernel that runs a cell for idle.
func TestARunningCellStaysBusy(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "x := map[int]int{}")
	out := k.subscribe(t)
	k.beginLoop(t)
	k.ask(t, "kernel_info_request", map[string]any{})
	k.control(t, "interrupt_request", nil)
	var states []string
	for last := ""; last != "idle of execute_request"; {
		if m := out(); m.Header.Type == "status" {
			last = text(m.Content["execution_state"]) + " of " + m.Parent.Type
			states = append(states, last)
		}
	}
	got := strings.Join(states, ", ")
	if !strings.HasPrefix(got, "busy of execute_request, busy of kernel_info_request, idle of kernel_info_request, "+
		"busy of execute_request") {
		t.Errorf("the states are %s", got)
	}
}

// The kernel answers what GoNB leaves out.
func TestAnswersOfALivingKernel(t *testing.T) {
	k := serveLive(t)
	if got := k.control(t, "interrupt_request", nil); got["status"] != "ok" {
		t.Errorf("the interrupt is answered by %v", got)
	}
	for _, code := range []string{"a := 1", "b := 2", "a := 1"} {
		k.live(t, context.Background(), code)
	}
	for _, c := range []struct {
		request map[string]any
		want    string
	}{
		{map[string]any{"hist_access_type": "tail", "n": 2}, "[[1 2 b := 2] [1 3 a := 1]]"},
		{map[string]any{"hist_access_type": "range", "start": 1, "stop": 3}, "[[1 1 a := 1] [1 2 b := 2]]"},
		{map[string]any{"hist_access_type": "search", "pattern": "a*", "unique": true}, "[[1 3 a := 1]]"},
		{map[string]any{"hist_access_type": "tail", "n": 1, "output": true}, "[[1 3 [a := 1 <nil>]]]"},
	} {
		if got := k.ask(t, "history_request", c.request); fmt.Sprint(got["history"]) != c.want {
			t.Errorf("%v gives %v", c.request, got["history"])
		}
	}
	if _, err := k.Send(k.Shell, "comm_open", map[string]any{"comm_id": "1", "target_name": "gonb_comm"}); err != nil {
		t.Fatal(err)
	}
	got := k.ask(t, "comm_info_request", map[string]any{})
	if fmt.Sprint(got["comms"]) != "map[1:map[target_name:gonb_comm]]" {
		t.Errorf("the connections are %v", got)
	}
	out := k.subscribe(t)
	if m := out(); m.Header.Type != "iopub_welcome" || m.Content["subscription"] != "" {
		t.Errorf("a subscriber is greeted by %v", m)
	}
	if _, err := k.Send(k.Shell, "comm_open", map[string]any{"comm_id": "2", "target_name": "nobody"}); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for len(kinds) < 3 {
		kinds = append(kinds, out().Header.Type)
	}
	if strings.Join(kinds, " ") != "status comm_close status" {
		t.Errorf("a connection to nobody is answered by %v", kinds)
	}
}

// subscribe returns a function that waits for the next message that is published from now on.
func (k *served) subscribe(t *testing.T) (next func() gonb.Message) {
	t.Helper()
	began := time.Now().UTC()
	all := k.subscribeLate(t)
	return func() gonb.Message {
		t.Helper()
		for {
			m := all()
			if at, err := time.Parse(time.RFC3339Nano, m.Header.Date); err != nil || !at.Before(began) {
				return m
			}
		}
	}
}

// subscribeLate is subscribe with the messages before that the kernel sends to new subscribers.
func (k *served) subscribeLate(t *testing.T) (next func() gonb.Message) {
	t.Helper()
	ctx, stop := contextFor(t)
	sub := zmq4.NewSub(ctx)
	t.Cleanup(func() {
		stop()
		sub.Close()
	})
	err := sub.Dial("ipc://" + filepath.Join(k.folder, "s-2"))
	if err == nil {
		err = sub.SetOption(zmq4.OptionSubscribe, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() gonb.Message {
		t.Helper()
		raw, err := sub.Recv()
		m, ok := k.key.Parse(raw.Frames)
		if err != nil || !ok {
			t.Fatalf("no message: %v, %v", raw, err)
		}
		return m
	}
}
