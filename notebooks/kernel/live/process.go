package live

import (
	"bufio"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/internal/guard"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
)

// process is a running host.
type process struct {
	guarded  *guard.Process
	requests *os.File
	displays *os.File // what gonbui sends
	back     *os.File // and what it receives
	answers  *gob.Encoder
	mark     string

	streaming sync.Mutex // keeps the text of a stream in order
	streams   [2]*wire.Tap
	batch     batch

	mu      sync.Mutex
	out     Output // of the running cell, or of the last one
	running bool
	outs    map[int]Output // of the last cells, by their number in this process
	count   int            // of cells that have begun
	ended   *wire.Ended
	marks   int       // of the two that end a cell
	crash   crash     // what stderr says of the host's end
	overdue bool      // the cell went on after its interrupt, so that the host is ended
	finish  chan bool // receives when the running cell has ended

	questions sync.Mutex // is held while the user is asked

	values chan []wire.Value
	kept   chan wire.KeptAnswer
	gone   chan struct{} // closed when the process has ended
}

// startProcess starts a host.
func startProcess(program, folder string, o Options, environment map[string]string) (*process, error) {
	p := &process{
		mark: "\x1e" + gonb.RandomToken() + "\x1e", finish: make(chan bool, 1),
		values: make(chan []wire.Value, 1), kept: make(chan wire.KeptAnswer, 1), gone: make(chan struct{}),
	}
	name := filepath.Join(o.Scratch, "pipe-"+gonb.RandomToken()[:8])
	var err error
	if p.displays, err = fifo(name + "-to"); err == nil {
		p.back, err = fifo(name + "-back")
	}
	if err != nil {
		p.closeFifos()
		return nil, fmt.Errorf("kernel: cannot make a named pipe: %w", err)
	}
	p.answers = gob.NewEncoder(p.back)
	env := append(append(os.Environ(), o.Env...), wire.EnvMark+"="+p.mark,
		protocol.GONB_PIPE_ENV+"="+name+"-to", protocol.GONB_PIPE_BACK_ENV+"="+name+"-back")
	for name, value := range environment {
		env = append(env, name+"="+value)
	}
	if err := p.start(guard.Options{Program: program, Dir: folder, Env: env}); err != nil {
		p.closeFifos()
		return nil, err
	}
	return p, nil
}

// closeFifos closes and removes the pipes of gonbui.
func (p *process) closeFifos() {
	for _, f := range []*os.File{p.displays, p.back} {
		if f != nil {
			_, _ = f.Close(), os.Remove(f.Name())
		}
	}
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// start starts the host with its pipes, under a guard, so that nothing that its cells start
// outlives it.
func (p *process) start(o guard.Options) error {
	var ours, theirs []*os.File
	for range 4 {
		r, w, err := os.Pipe()
		if err != nil {
			closeAll(append(ours, theirs...))
			return fmt.Errorf("kernel: cannot make a pipe: %w; raise the limit of open files", err)
		}
		ours, theirs = append(ours, r), append(theirs, w)
	}
	ours[2], theirs[2] = theirs[2], ours[2] // requests go the other way
	p.requests = ours[2]
	o.Log, o.Errors, o.Files = theirs[0], theirs[1], theirs[2:] // wire.RequestFile and wire.EventFile
	var err error
	p.guarded, err = guard.Start(o)
	closeAll(theirs)
	if err != nil {
		closeAll(ours)
		return fmt.Errorf("kernel: cannot start the host: %w", err)
	}
	var readers sync.WaitGroup
	for i, name := range []string{"stdout", "stderr"} {
		run := p.readStream(i, name, ours[i])
		readers.Go(run)
	}
	readers.Go(func() { p.readEvents(ours[3]) })
	go p.readDisplays()
	go func() {
		<-p.guarded.Gone()
		time.AfterFunc(time.Second, func() { // what the guard cannot end may hold the pipes open
			_, _, _ = ours[0].Close(), ours[1].Close(), ours[3].Close()
		})
		readers.Wait()
		closeAll(ours)
		p.closeFifos()
		close(p.gone)
	}()
	return nil
}

// checkEnd ends the running cell when its end and both marks have been seen. The caller holds the
// lock.
func (p *process) checkEnd() {
	if p.running && p.ended != nil && p.marks >= 2 {
		p.running = false
		p.finish <- true
	}
}

func (p *process) readEvents(from *os.File) {
	decoder := json.NewDecoder(bufio.NewReader(from))
	for {
		var e wire.Event
		if decoder.Decode(&e) != nil {
			return
		}
		p.mu.Lock()
		out := p.out
		if e.Ended != nil {
			p.ended = e.Ended
			p.checkEnd()
		}
		p.mu.Unlock()
		if e.Result != nil && out != nil {
			p.drain()
			out.Result(cleanedForms(e.Result))
		}
		if e.Late != nil {
			p.late(*e.Late)
		}
		if e.Kept != nil {
			select {
			case p.kept <- *e.Kept:
			default:
			}
		}
		if e.Asks {
			p.drain()
			go p.ask(out, protocol.InputRequest{})
		}
		if e.Answers {
			select {
			case p.values <- e.Values:
			default:
			}
		}
	}
}

// readDisplays passes on what gonbui displays, and answers its Sync.
func (p *process) readDisplays() {
	decoder := gob.NewDecoder(p.displays)
	for {
		d := &protocol.DisplayData{}
		if decoder.Decode(d) != nil {
			return
		}
		p.mu.Lock()
		out := p.out
		p.mu.Unlock()
		value, isValue := d.Data[protocol.MIMECommValue].(protocol.CommValue)
		switch {
		case isValue && value.Address == protocol.GonbuiSyncAddress:
			p.tell(&protocol.CommValue{Address: protocol.GonbuiSyncAckAddress, Value: value.Value})
		case out == nil:
		case isValue:
			out.Interact(value)
		case d.Data[wire.MIMEClear] != nil:
			p.drain()
			out.Clear(d.Data[wire.MIMEClear] == true)
		case d.Data[protocol.MIMECommSubscribe] != nil:
			out.Interact(d.Data[protocol.MIMECommSubscribe])
		case d.Data[protocol.MIMEJupyterInput] != nil:
			if request, ok := d.Data[protocol.MIMEJupyterInput].(protocol.InputRequest); ok {
				p.drain()
				go p.ask(out, request)
			}
		default:
			p.drain()
			out.Display(displayed(d), d.DisplayID)
		}
	}
}

// tell sends a value to gonbui in the host.
func (p *process) tell(value *protocol.CommValue) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.answers.Encode(value)
}

func (p *process) request(r wire.Request) {
	line, err := json.Marshal(r)
	if err == nil {
		_, _ = p.requests.Write(append(line, '\n')) // a host that has ended says so otherwise
	}
}

// run runs a cell and waits for its end. If ctx ends before, the cell does not run, and the error
// is that of ctx.
func (p *process) run(ctx context.Context, r wire.Run, out Output) (wire.Ended, error) {
	p.mu.Lock()
	if ctx.Err() != nil {
		p.mu.Unlock()
		return wire.Ended{}, ctx.Err()
	}
	p.out, p.running, p.ended, p.marks = out, true, nil, 0
	r.Sequence = p.begins(out)
	p.crash = crash{held: p.crash.held} // an earlier cell's words do not count
	p.request(wire.Request{Run: &r})    // before an interrupt, which waits for the lock
	p.mu.Unlock()
	select {
	case <-p.finish:
		p.release()
		p.mu.Lock()
		defer p.mu.Unlock()
		return *p.ended, nil
	case <-p.gone:
		return wire.Ended{}, p.end()
	}
}

// end returns how the host has ended.
func (p *process) end() *hostEnded {
	p.mu.Lock()
	e := &hostEnded{p.guarded.State(), p.crash.dump(), p.overdue}
	p.mu.Unlock()
	if !e.crashed() {
		p.release()
	}
	return e
}

// describe asks the host for its values.
func (p *process) describe(ctx context.Context) ([]wire.Value, error) {
	select {
	case <-p.values: // of a question that was given up
	default:
	}
	p.request(wire.Request{Describe: true})
	select {
	case all := <-p.values:
		return all, nil
	case <-p.gone:
		return nil, nil
	case <-ctx.Done():
		return nil, errors.New("the host does not answer")
	}
}

func (p *process) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running
}

func (p *process) hasEnded() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// interrupt tells the host of the stop button, and sends the button's signal to what its cell has
// started.
func (p *process) interrupt() {
	p.request(wire.Request{Interrupt: true}) // the signal may come before the host has read the cell
	interruptGroup(p.guarded.Group())
}

// endUnlessIdle ends the host if its cell goes on.
func (p *process) endUnlessIdle(after time.Duration) {
	for end := time.Now().Add(after); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if !p.busy() || p.hasEnded() {
			return
		}
	}
	p.mu.Lock()
	p.overdue = p.running
	p.mu.Unlock()
	p.kill()
}

// kill ends the host and what its cells have started.
func (p *process) kill() {
	p.guarded.End()
	<-p.gone
	p.requests.Close()
}
