package serve

import (
	"fmt"
	"maps"
	"regexp"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// lent is a request that GoNB runs for a cell.
type lent struct {
	id       string
	count    int // number of the cell
	replied  chan gonb.Message
	idle     chan bool
	failed   string    // what GoNB says of a line that has failed, which is no error for GoNB
	problems []problem // of the compiler, which GoNB shows as a page
}

// lend lets GoNB run code for a cell, and waits until it is idle again. The failure is the error
// that GoNB has published. If GoNB ends meanwhile, nothing is published, and the proxy fails the
// cell.
func (l *living) lend(m *gonb.Message, count int, code string) map[string]any {
	request := *m
	request.Content = maps.Clone(m.Content)
	request.Content["code"] = code
	job := &lent{id: m.Header.ID, count: count, replied: make(chan gonb.Message, 1), idle: make(chan bool, 1)}
	l.cellMu.Lock()
	l.lent = job
	l.cellMu.Unlock()
	defer func() {
		l.cellMu.Lock()
		l.lent = nil
		l.cellMu.Unlock()
	}()
	l.awaitInterrupts()
	if err := l.write(l.toGoNB, request); err != nil {
		return l.fail(m, errorContent(err))
	}
	var reply gonb.Message
	for range 2 {
		select {
		case reply = <-job.replied:
		case <-job.idle:
		case <-l.kernelEnded():
			return errorContent(gonb.ErrEnded)
		case <-l.back.Life.Done():
			return errorContent(gonb.ErrEnded)
		}
	}
	l.cellMu.Lock() // not while publishing, which takes locks of transcripts
	failed, problems := job.failed, job.problems
	l.cellMu.Unlock()
	switch {
	case reply.Content["status"] != "error" && failed == "":
		return nil
	case reply.Content["status"] != "error":
		return l.fail(m, lineError(code, count, failed))
	case len(problems) > 0:
		return l.fail(m, compilerError(text(m.Content["code"]), code, count, problems))
	}
	failure := map[string]any{"ename": "GoNB", "evalue": "the cell failed", "traceback": []any{}}
	for name := range failure {
		if v := reply.Content[name]; v != nil && v != "" {
			failure[name] = v
		}
	}
	return failure
}

func (l *living) kernelEnded() <-chan struct{} { return l.proxy.kernel.Ended() }

// takes looks at a message of GoNB, and gives it the number of the running cell. taken reports
// whether it belongs to a cell that this runner answers, and must not be passed on.
func (l *living) takes(m *gonb.Message) (taken, changed bool) {
	l.cellMu.Lock()
	job := l.lent
	l.cellMu.Unlock()
	if job == nil || m.Parent.ID != job.id {
		return false, false
	}
	switch m.Header.Type {
	case "execute_reply":
		job.replied <- *m
		return true, false
	case "execute_input":
		return true, false
	case "status":
		if m.Content["execution_state"] == "idle" {
			job.idle <- true
		}
		return true, false
	}
	if m.Header.Type == "stream" && lineFailure.MatchString(text(m.Content["text"])) {
		l.cellMu.Lock()
		defer l.cellMu.Unlock()
		job.failed = strings.TrimSpace(text(m.Content["text"]))
		return true, false
	}
	if l.holdsProblems(job, m) {
		return true, false
	}
	if m.Content["execution_count"] != nil {
		m.Content["execution_count"] = job.count
		return false, true
	}
	return false, false
}

// lineFailure matches what GoNB writes when a line that begins with ! or % has failed.
var lineFailure = regexp.MustCompile(`^(exit status \d+\n|signal: [a-z ]+\n|"%\S*" unknown or not implemented yet\.)$`)

// lineError returns the content of the error of a line that begins with ! or %.
func lineError(code string, count int, failure string) map[string]any {
	name, place := "ShellError", fmt.Sprintf("cell %d", count)
	if strings.HasPrefix(failure, `"%`) {
		name, failure = "MagicError", strings.Replace(failure, " unknown or not implemented yet.", " is no magic", 1)+
			"; %eqflow help and %help list them"
	}
	var source []string
	if lines := commands(code); len(lines) == 1 {
		place += fmt.Sprintf(", line %d", lines[0]+1)
		source = excerpt(code, lines[0]+1)
	}
	value := place + ": " + failure
	trace := append([]string{red + name + reset + ": " + value}, source...)
	return map[string]any{"ename": name, "evalue": value, "traceback": trace}
}

// commands returns the numbers of the lines of a cell that begin with ! or %, from 0.
func commands(code string) (lines []int) {
	for i, line := range strings.Split(code, "\n") {
		if strings.HasPrefix(line, "!") || strings.HasPrefix(line, "%") {
			lines = append(lines, i)
		}
	}
	return lines
}
