package live

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// counter counts messages beside what a recorder keeps.
type counter struct {
	recorder
	messages int
}

func (c *counter) Stream(name, text string) {
	c.recorder.Stream(name, text)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages++
}

// Many short texts become few messages, in their order, and a single text does not wait.
func TestBatch(t *testing.T) {
	var b batch
	c, other := &counter{}, &counter{}
	b.add(c, "stdout", "0\n")
	if c.stream("stdout") != "0\n" {
		t.Error("the first text waits")
	}
	want := "0\n"
	for i := 1; i < 1000; i++ {
		b.add(c, "stdout", fmt.Sprintln(i))
		want += fmt.Sprintln(i)
	}
	b.add(c, "stderr", "aside\n")
	b.add(c, "stdout", "more\n")
	b.add(other, "stdout", "of another cell\n")
	if got := c.order.String(); got != want+"aside\nmore\n" {
		t.Errorf("the texts are %.60q", got)
	}
	if limit := 5 + int(time.Second/batchTime); c.messages > limit {
		t.Errorf("%d messages", c.messages)
	}
	if b.flush(); other.stream("stdout") != "of another cell\n" {
		t.Errorf("the other cell has %q", other.stream("stdout"))
	}
	b.add(other, "stdout", "later\n")
	for end := time.Now().Add(10 * time.Second); !strings.HasSuffix(other.stream("stdout"), "later\n"); {
		if time.Now().After(end) {
			t.Fatal("text waits for more text")
		}
		time.Sleep(time.Millisecond)
	}
}
