package live

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// crash is text of stderr that looks like the end of the host: a fatal error's account of all
// goroutines. The text is held back, since the cell's error says it better, until it is too long or
// too old for that.
type crash struct {
	held []byte // from the line of the fatal error on
	head string // the beginning of what was passed on after all
	tail string // and the end of everything since
	cut  int    // bytes between head and tail
}

const (
	heldLength = 1 << 18         // is passed on
	heldTime   = 2 * time.Second // after which it is passed on, unless it is a dump for certain
	dumpTime   = time.Minute     // after which a dump is passed on, too
	endLength  = 1 << 14         // of a dump's head and of its tail
)

// The first line of a fatal error of Go's runtime, the line before that of a stack overflow, what
// follows either, and a place in a cell.
var (
	overflow = regexp.MustCompile(`(?m)^runtime: goroutine stack exceeds \d+-byte limit$`)
	stacks   = regexp.MustCompile(`(?m)^(runtime stack:|goroutine \d+ .*\[.*\]:)$`)
	fatal    = regexp.MustCompile(`(?m)^(panic|fatal error|SIG[A-Z]+): (.*)$`)
	cellLine = regexp.MustCompile(`cell\[(\d+)\]:(\d+)`)
)

// add takes text of stderr, and returns what is passed on.
func (c *crash) add(text string) (pass string) {
	at := 0
	if len(c.held) == 0 {
		begin := overflow.FindStringIndex(text)
		if begin == nil {
			begin = fatal.FindStringIndex(text)
		}
		if begin == nil {
			c.follow(text)
			return text
		}
		at = begin[0]
	}
	if c.held = append(c.held, text[at:]...); len(c.held) > heldLength {
		return text[:at] + c.release()
	}
	return text[:at]
}

// isDump reports whether what is held back is the account of goroutines of a host that ends.
func (c *crash) isDump() bool {
	return overflow.Match(c.held) || fatal.Match(c.held) && stacks.Match(c.held)
}

// release returns what was held back.
func (c *crash) release() string {
	text := string(c.held)
	c.held = nil
	if text != "" {
		*c = crash{head: text[:min(len(text), endLength)]}
		c.follow(text[len(c.head):])
	}
	return text
}

// follow keeps the end of the text behind the head.
func (c *crash) follow(text string) {
	if c.head == "" {
		return
	}
	c.tail += text
	if more := len(c.tail) - endLength; more > 0 {
		c.cut, c.tail = c.cut+more, c.tail[more:]
	}
}

// dump returns the text that begins with the fatal error, or "". The middle of a long text is left
// out.
func (c crash) dump() string {
	if len(c.held) > 0 {
		c.release()
	}
	if c.cut == 0 {
		return c.head + c.tail
	}
	return strings.ToValidUTF8(fmt.Sprintf("%s\n… (%d bytes) …\n%s", c.head, c.cut, c.tail), "")
}

// hostEnded is the error of a cell whose host has ended.
type hostEnded struct {
	state   string // as guard.Process has it
	dump    string // what looks like the runtime's own account of a fatal error
	overdue bool   // it was ended because its cell went on after an interrupt
}

func (e *hostEnded) Error() string {
	return "the process of the living values has ended: " + e.state
}

// crashed reports whether Go's runtime ended the host, and not os.Exit or a signal.
func (e *hostEnded) crashed() bool {
	return e.dump != "" && (e.state == "exit status 2" || strings.HasPrefix(e.state, "signal: aborted"))
}

// describe says why a host has ended.
func (e *hostEnded) describe() wire.Ended {
	if e.overdue {
		return wire.Ended{Kind: wire.Interrupted, Text: fmt.Sprintf(
			"the cell went on for %s after the interrupt, so its process was ended", Grace)}
	}
	if !e.crashed() {
		text := "the cell ended the process of the living values by os.Exit or log.Fatal (" + e.state + ")"
		if !strings.HasPrefix(e.state, "exit") {
			text = "the process of the living values was ended: " + e.state
			if strings.Contains(e.state, "killed") {
				text += "; is there enough memory?"
			}
		}
		return wire.Ended{Kind: wire.Failed, Text: text}
	}
	found := fatal.FindStringSubmatchIndex(e.dump)
	if found == nil { // the dump stops before its reason
		return wire.Ended{Kind: wire.Panicked, Text: strings.SplitN(e.dump, "\n", 2)[0]}
	}
	kind, text, how := e.dump[found[2]:found[3]], e.dump[found[4]:found[5]], "fatal"
	if kind == "panic" {
		how = "in a goroutine, which ends the process of the living values"
	}
	ended := wire.Ended{Kind: wire.Panicked, Text: fmt.Sprintf("%s (%s)", text, how)}
	if at := cellLine.FindStringSubmatch(e.dump[found[1]:]); at != nil {
		ended.Cell, _ = strconv.Atoi(at[1])
		ended.Line, _ = strconv.Atoi(at[2])
	}
	return ended
}
