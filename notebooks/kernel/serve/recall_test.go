package serve

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// A front end whose subscription comes after its first request does not miss the end of the answer,
// also while a cell runs.
func TestALateSubscriberMissesNothing(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "x := map[int]int{}")
	k.beginLoop(t)
	header := gonb.NewHeader("a new page", "kernel_info_request")
	raw, err := k.key.Frames(gonb.Message{Header: header})
	if err == nil {
		err = k.Shell.SendMulti(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := contextFor(t)
	defer stop()
	if _, err := k.Reply(ctx, header.ID); err != nil {
		t.Fatal(err)
	}
	out := k.subscribeLate(t)
	var got []string
	for len(got) < 2 || got[len(got)-1] != "status idle" {
		m := out()
		state := strings.TrimSpace(m.Header.Type + " " + text(m.Content["execution_state"]))
		if m.Parent.ID == header.ID || m.Header.Type == "iopub_welcome" {
			got = append(got, state)
		}
	}
	if want := "iopub_welcome, status busy, status idle"; strings.Join(got, ", ") != want {
		t.Errorf("the page sees %v, want %s", got, want)
	}
}

// Only answers to new sessions are remembered, and not too many bytes.
func TestRecallIsBounded(t *testing.T) {
	var r recall
	failed := errors.New("of the socket")
	send := func([][]byte) error { return failed }
	r.meet("new")
	for range 100 {
		if err := r.publish("new", [][]byte{make([]byte, recallBytes/10)}, send); !errors.Is(err, failed) {
			t.Fatal(err)
		}
	}
	_ = r.publish("unknown", [][]byte{[]byte("not this")}, send)
	joined, messages := false, 0
	r.join(func() { joined = true }, func(frames [][]byte) {
		if messages++; !joined || len(frames[0]) != recallBytes/10 {
			t.Errorf("joined: %t, a message of %d bytes", joined, len(frames[0]))
		}
	})
	if messages != 10 {
		t.Errorf("%d messages are remembered", messages)
	}
	r.sessions["new"] = r.sessions["new"].Add(-2 * recallTime)
	for i := range r.messages {
		r.messages[i].at = r.messages[i].at.Add(-2 * recallTime)
	}
	_ = r.publish("new", [][]byte{[]byte("of an old session")}, send)
	r.join(func() {}, func(frames [][]byte) { t.Errorf("an old message is remembered: %.20s", frames[0]) })
}
