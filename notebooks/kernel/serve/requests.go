package serve

import (
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// shellRequest handles the front end's requests, and answers those that GoNB does not.
func (p *proxy) shellRequest(m *gonb.Message, _ outlet) (pass bool) {
	switch m.Header.Type {
	case "execute_request":
		return p.executeRequest(m)
	case "complete_request":
		content, ok := complete(p.launch.Magics, text(m.Content["code"]), m.Content["cursor_pos"])
		if ok {
			p.reply(m, "complete_reply", content)
			return false
		}
		return p.ask(m)
	case "inspect_request":
		if content, ok := inspectMagic(p.launch.Magics, text(m.Content["code"]), m.Content["cursor_pos"]); ok {
			p.reply(m, "inspect_reply", content)
			return false
		}
		return p.ask(m)
	case "is_complete_request":
		p.reply(m, "is_complete_reply", isComplete(text(m.Content["code"])))
		return false
	case "history_request":
		p.reply(m, "history_reply", p.history(m.Content))
		return false
	case "kernel_info_request":
		p.reply(m, "kernel_info_reply", p.kernelInfo())
		return false
	case "comm_info_request":
		p.reply(m, "comm_info_reply", p.commInfo(text(m.Content["target_name"])))
		return false
	case "comm_open", "comm_close":
		return p.commMessage(m)
	}
	return true
}

// reply answers a request on the shell socket. The protocol demands that the kernel is busy
// meanwhile.
func (p *proxy) reply(m *gonb.Message, kind string, content map[string]any) {
	p.replyOn(p.shell, m, kind, content)
}

// replyOn is reply for a socket that may be another one.
func (p *proxy) replyOn(to outlet, m *gonb.Message, kind string, content map[string]any) {
	p.setStatus(m, "busy")
	p.answer(to, m, kind, content)
	p.setStatus(m, "idle")
	if p.living != nil {
		p.living.stillBusy()
	}
}

// executeRequest extracts and runs the magics of a cell. It refuses all cells if the preparation of
// the kernel has failed.
func (p *proxy) executeRequest(m *gonb.Message) (pass bool) {
	if p.broken != nil {
		p.refuse(m)
		return false
	}
	if p.living != nil && m.Header.Subshell != "" {
		p.living.inSubshell(m)
		return false
	}
	if p.living != nil && isAboutOutput(text(m.Content["code"])) {
		request := *m
		go p.living.runBeside(&request)
		return false
	}
	if p.living != nil {
		p.living.request(m)
		return false
	}
	p.awaitInterrupts()
	code := text(m.Content["code"])
	rest, lines := extractMagics(code)
	request := *m
	p.mu.Lock()
	p.pending[m.Header.ID] = &request
	p.mu.Unlock()
	if len(lines) == 0 {
		return true
	}
	c := &cell{code: code, out: &Output{}}
	for _, line := range lines {
		if c.failure = runMagic(p.back.Life, p.launch.Magics, line.words, c.out); c.failure != nil {
			break
		}
		if c.out.line != "" {
			rest[line.index], c.out.line = c.out.line, ""
		}
	}
	if c.failure != nil {
		rest = nil // a cell whose magic failed does not run
	}
	p.mu.Lock()
	p.cells[m.Header.ID] = c
	p.mu.Unlock()
	m.Content["code"] = strings.Join(rest, "\n")
	return true
}

// refuse answers a cell with the reason for which this kernel cannot run cells.
func (p *proxy) refuse(m *gonb.Message) {
	p.mu.Lock()
	p.refused++
	count := p.refused
	p.mu.Unlock()
	failure := errorContent(p.broken)
	failure["ename"] = "eqflow: the kernel could not be prepared"
	failure["traceback"] = append(strings.Split(p.broken.Error(), "\n"), "",
		"`eqflow kernel status` in a terminal shows the broken part; repair it, then restart the kernel.")
	reply := map[string]any{"status": "error", "execution_count": count}
	maps.Copy(reply, failure)
	p.setStatus(m, "busy")
	p.answer(p.iopub, m, "execute_input", map[string]any{"code": m.Content["code"], "execution_count": count})
	p.answer(p.iopub, m, "error", failure)
	p.answer(p.shell, m, "execute_reply", reply)
	p.setStatus(m, "idle")
}

// refuseMalformed answers a request whose content is not as the protocol demands. A message that
// has no reply is dropped.
func (p *proxy) refuseMalformed(from outlet, m *gonb.Message, reason error) {
	kind := gonb.ReplyType(m.Header.Type)
	if _, known := gonb.Requests[m.Header.Type]; kind == "" || !known {
		p.group.Refuse("dropped a message with malformed content")
		return
	}
	reply := errorContent(reason)
	reply["ename"], reply["status"] = "eqflow: malformed request", "error"
	p.setStatus(m, "busy")
	if m.Header.Type == "execute_request" {
		p.answer(p.iopub, m, "error", maps.Clone(reply))
		reply["execution_count"] = 0
	}
	p.answer(from, m, kind, reply)
	p.setStatus(m, "idle")
}

func errorContent(err error) map[string]any {
	return map[string]any{"ename": "eqflow", "evalue": err.Error(), "traceback": strings.Split(err.Error(), "\n")}
}

// controlRequest repeats an interrupt until it has reached the cell, and guarantees that a shutdown
// is answered.
func (p *proxy) controlRequest(m *gonb.Message, to outlet) (pass bool) {
	switch m.Header.Type {
	case "interrupt_request":
		if p.living != nil {
			p.living.kernel.Interrupt()
		}
		p.mu.Lock()
		running := p.running
		p.mu.Unlock()
		if running != "" {
			p.kernel.CellInterrupted()
			go p.interruptUntilIdle(running, to)
		}
		p.replyOn(p.control, m, "interrupt_reply", map[string]any{"status": "ok"})
		m.Identities = nil // GoNB's own answer goes to the wrong socket
		p.countInterrupt(1)
	case "shutdown_request":
		request := *m
		p.mu.Lock()
		p.shutdown = &request
		p.mu.Unlock()
		time.AfterFunc(shutdownLimit, func() { p.answerShutdown(&request) }) // for a GoNB that hangs
	case "kernel_info_request":
		p.replyOn(p.control, m, "kernel_info_reply", p.kernelInfo())
		return false
	case "create_subshell_request", "delete_subshell_request", "list_subshell_request":
		content := refusal(errors.New("this kernel has no subshells"))
		if p.living != nil {
			content = p.living.subshellRequest(m)
		}
		p.replyOn(p.control, m, gonb.ReplyType(m.Header.Type), content)
		return false
	}
	return true
}

// shutdownLimit is the time in which GoNB must answer a shutdown.
const shutdownLimit = 2 * time.Second

// answerShutdown answers a shutdown that GoNB has not answered.
func (p *proxy) answerShutdown(request *gonb.Message) {
	p.end.Do(func() {
		content := map[string]any{"status": "ok", "restart": request.Content["restart"]}
		p.answer(p.control, request, "shutdown_reply", content)
		close(p.ended)
	})
}

// controlReply notes GoNB's answer to a shutdown. A reply without identities answers an interrupt
// of this proxy, and is dropped.
func (p *proxy) controlReply(m *gonb.Message) (pass, changed bool) {
	if m.Header.Type == "interrupt_reply" {
		p.countInterrupt(-1)
	}
	if m.Header.Type == "shutdown_reply" {
		defer p.end.Do(func() { time.AfterFunc(delivery/2, func() { close(p.ended) }) })
	}
	return len(m.Identities) > 0, false
}

// interruptUntilIdle repeats an interrupt, since a cell that still compiles has no program to
// interrupt.
func (p *proxy) interruptUntilIdle(request string, to outlet) {
	for until := time.Now().Add(gonb.Grace); time.Now().Before(until); {
		time.Sleep(gonb.InterruptEvery)
		p.mu.Lock()
		runs := p.running == request
		p.mu.Unlock()
		if !runs {
			return
		}
		header := gonb.NewHeader(gonb.RandomToken(), "interrupt_request")
		p.countInterrupt(1)
		if p.write(to, gonb.Message{Header: header}) != nil {
			return
		}
	}
}

// countInterrupt counts the interrupts that GoNB has not answered: one more, or one less.
func (p *proxy) countInterrupt(by int) {
	p.mu.Lock()
	p.unheard = max(p.unheard+by, 0)
	p.mu.Unlock()
}

// awaitInterrupts waits until GoNB has answered all interrupts, which would end the next cell
// otherwise: messages on the control socket and on the shell socket may overtake each other. An
// answer may be lost, so it waits for interruptLimit at most.
func (p *proxy) awaitInterrupts() {
	for until := time.Now().Add(interruptLimit); ; time.Sleep(time.Millisecond) {
		p.mu.Lock()
		if time.Now().After(until) {
			p.unheard = 0
		}
		none := p.unheard == 0
		p.mu.Unlock()
		if none {
			return
		}
	}
}

// interruptLimit is the time in which GoNB answers an interrupt.
const interruptLimit = time.Second
