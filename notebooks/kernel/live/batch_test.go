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

// Two streams that alternate keep their order while their texts are few. Many texts become few
// messages, in which each stream keeps its order, and the streams stay close to each other.
func TestBatchOfTwoStreams(t *testing.T) {
	streams := [...]string{"stdout", "stderr"}
	for _, lines := range []int{batchSize, 2000} {
		var b batch
		c := &counter{}
		began := time.Now()
		var all string
		want := map[string]string{}
		for i := range lines {
			line := fmt.Sprintf("%d\n", i)
			b.add(c, streams[i%2], line)
			all += line
			want[streams[i%2]] += line
		}
		b.flush()
		for _, name := range streams {
			if got := c.stream(name); got != want[name] {
				t.Errorf("%s of %d lines is %.60q", name, lines, got)
			}
		}
		if got := c.order.String(); lines == batchSize && got != all {
			t.Errorf("the order is %q", got)
		}
		ticks := 2 + int(time.Since(began)/batchTime)
		if limit := batchSize * ticks; c.messages > limit {
			t.Errorf("%d lines are %d messages in %d times", lines, c.messages, ticks)
		}
		var place, n int
		for text := range strings.Lines(c.order.String()) {
			_, _ = fmt.Sscan(text, &n)
			if far := n - place; max(far, -far) > lines/5 {
				t.Fatalf("of %d lines line %d is at place %d", lines, n, place)
			}
			place++
		}
	}
}

// Texts for more outputs than a batch passes on are one message for each stream.
func TestBatchOfManyOutputs(t *testing.T) {
	var pieces []piece
	for i := range 3 * 2 * batchSize {
		to := target{stream: fmt.Sprint(i % (2 * batchSize))}
		pieces = append(pieces, piece{to, []byte{byte('a' + i/(2*batchSize))}})
	}
	got := merged(pieces)
	if len(got) != 2*batchSize {
		t.Errorf("%d messages", len(got))
	}
	for i, p := range got {
		if p.stream != fmt.Sprint(i) || string(p.text) != "abc" {
			t.Errorf("message %d is %q for %s", i, p.text, p.stream)
		}
	}
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
	b.flush()
	if got := c.order.String(); got != want+"aside\nmore\n" {
		t.Errorf("the texts are %.60q", got)
	}
	if limit := 5 + int(time.Second/batchTime); c.messages > limit {
		t.Errorf("%d messages", c.messages)
	}
	if other.stream("stdout") != "of another cell\n" {
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
