package serve

import (
	"context"
	"errors"
	"fmt"
	"html"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/janpfeifer/gonb/gonbui/protocol"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/resident"
)

// EnvLive is the variable by which a user lets all cells run as GoNB runs them: "0".
const EnvLive = "EQFLOW_LIVE"

// living runs the cells of a kernel in the order of their requests: in the process that holds
// living values or, for lines that begin with % or !, in GoNB. It publishes everything about a cell
// that the protocol demands, with a count of its own.
type living struct {
	*proxy
	kernel  *live.Kernel
	queue   chan gonb.Message
	scratch string

	cellMu  sync.Mutex
	count   int
	sources map[int]string // cells by number
	lent    *lent          // what GoNB runs for the running cell, or nil
	told    bool           // that values do not live on
	aborted map[string]bool
	waiting []string        // the ids of the requests in the queue
	shown   map[string]bool // displays by id
	asked   *question       // of the running cell, or nil

	transcripts transcripts
	busy        busy
	subshells   subshells
	ends        map[string]chan struct{} // closed when the request with that id is answered
}

// newLiving returns the runner of a kernel's cells. The process of the values starts in the
// background.
func newLiving(ctx context.Context, p *proxy) (*living, error) {
	module, err := moduleFolder(p.kernel.Dir())
	if err != nil {
		return nil, err
	}
	cache, err := gonb.CacheFolder()
	if err != nil {
		return nil, err
	}
	folder, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	scratch := filepath.Join(p.kernel.Dir(), "live")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return nil, fmt.Errorf("kernel: no folder for compiled cells: %w", err)
	}
	l := &living{
		proxy: p, queue: make(chan gonb.Message, 4096), scratch: scratch,
		sources: map[int]string{}, aborted: map[string]bool{}, shown: map[string]bool{},
		ends: map[string]chan struct{}{},
	}
	l.kernel = live.New(ctx, live.Options{
		Module: module, Folder: folder, Cache: cache, Scratch: scratch, Offered: offered(), Env: hostEnv(p, module),
	})
	p.launch.Magics = append(slices.Clip(p.launch.Magics), l.magics()...)
	go l.runAll(ctx)
	return l, nil
}

// perform runs the parts of a cell. The failure is the content of the error, which it has
// published.
func (l *living) perform(m *gonb.Message, count int, code string) map[string]any {
	rest, lines := extractMagics(uncomment(code))
	if failure := l.runMagics(m, rest, lines); failure != nil {
		return failure
	}
	code = strings.Join(rest, "\n")
	if isForeign(code) || !l.lives(m, count) {
		return l.lend(m, count, code)
	}
	special, own := separate(code)
	if special != "" {
		l.follow(special)
		if failure := l.lend(m, count, special); failure != nil {
			return failure
		}
	}
	if strings.TrimSpace(own) == "" {
		return nil
	}
	return l.runOwn(m, count, own)
}

// runMagics runs the magics of a cell, and puts the lines into rest that take their place.
func (l *living) runMagics(m *gonb.Message, rest []string, lines []magicLine) (failure map[string]any) {
	for _, line := range lines {
		out := &Output{request: m}
		err := runMagic(l.back.Life, l.launch.Magics, line.words, out)
		for _, shown := range out.messages {
			l.answer(l.iopub, m, shown.kind, shown.content)
		}
		if err != nil {
			return l.fail(m, errorContent(err))
		}
		if rest != nil {
			rest[line.index] = out.line
		}
	}
	return nil
}

// runOwn runs the Go code of a cell.
func (l *living) runOwn(m *gonb.Message, count int, code string) map[string]any {
	out := &shownOutput{proxy: l.proxy, request: *m, count: count, over: make(chan struct{})}
	err := l.kernel.Run(count, code, out)
	out.close()
	var foreign *cells.Unsupported
	switch {
	case err == nil:
		return nil
	case errors.As(err, &foreign):
		l.note(m, fmt.Sprintf("GoNB runs this cell, without the living values: %s\n", foreign.Why))
		return l.lend(m, count, cells.ForProgram(code))
	}
	var failure *live.Failure
	if errors.As(err, &failure) && failure.Dump != "" {
		page := "<details><summary>all goroutines</summary><pre>" + html.EscapeString(failure.Dump) + "</pre></details>"
		out.Display(map[string]any{"text/html": page, "text/plain": ""}, "")
	}
	l.cellMu.Lock()
	sources := maps.Clone(l.sources)
	l.cellMu.Unlock()
	sources[count] = text(m.Content["code"]) // of a cell without a number of its own, too
	return l.fail(m, explainError(err, count, sources))
}

// notice is the time that a cell waits for the kernel without a message.
const notice = 5 * time.Second

// lives reports whether values live on in this kernel. If they do not, the first cell says why.
func (l *living) lives(m *gonb.Message, count int) bool {
	patience, stop := context.WithTimeout(l.back.Life, notice)
	err := l.kernel.Ready(patience)
	stop()
	if errors.Is(err, context.DeadlineExceeded) {
		l.note(m, "compiling the packages that cells use; the first time takes a few minutes\n")
		err = l.kernel.Ready(l.back.Life)
	}
	if err == nil {
		return true
	}
	if !l.told {
		l.told = true
		l.note(m, fmt.Sprintf("GoNB runs each cell in a process of its own, so values do not live on: %v\n", err))
	}
	return false
}

func (l *living) note(m *gonb.Message, text string) {
	l.answer(l.iopub, m, "stream", map[string]any{"name": "stderr", "text": "eqflow: " + text})
}

// fail publishes an error of a cell that has no answer yet.
func (l *living) fail(m *gonb.Message, content map[string]any) map[string]any {
	if l.waits(m) {
		l.answer(l.iopub, m, "error", content)
	}
	return content
}

// cellMagic matches lines that make GoNB treat a whole cell in a way of its own.
var cellMagic = regexp.MustCompile(`(?m)^%(%[a-zA-Z]|test\b|wasm\b|exec\b|main\b)`)

// isForeign reports whether a cell is for GoNB alone.
func isForeign(code string) bool { return cellMagic.MatchString(code) }

// commented begins a line for GoNB that other programs shall take for a comment.
const commented = "//gonb:"

// uncomment takes that prefix from the lines of a cell that begin with % or ! after it, and from
// those that continue them. Nothing changes in raw strings, in comments of several lines, and below
// a line such as %%bash.
func uncomment(code string) string {
	lines := strings.Split(code, "\n")
	goesOn := false
	var text textState
	for i, line := range lines {
		rest := strings.TrimPrefix(line, commented)
		begins := strings.HasPrefix(rest, "%") || strings.HasPrefix(rest, "!")
		if !goesOn && !(begins && text.outside()) {
			text.read(line)
			continue
		}
		lines[i] = rest
		goesOn = strings.HasSuffix(rest, `\`)
		if cellMagic.MatchString(rest) {
			break
		}
	}
	return strings.Join(lines, "\n")
}

// separate takes the lines that begin with % or ! out of a cell. Both parts keep the cell's lines.
func separate(code string) (special, own string) {
	lines := strings.Split(code, "\n")
	taken := make([]string, len(lines))
	found, goesOn := false, false
	var text textState
	for i, line := range lines {
		begins := strings.HasPrefix(line, "!") || strings.HasPrefix(line, "%") && !strings.HasPrefix(line, "%%")
		if goesOn || begins && text.outside() {
			taken[i], lines[i], found = line, "", true
			goesOn = strings.HasSuffix(line, `\`)
		} else {
			text.read(line)
		}
	}
	if !found {
		return "", code
	}
	return strings.Join(taken, "\n"), strings.Join(lines, "\n")
}

// variable matches the magic that sets an environment variable.
var variable = regexp.MustCompile(`(?m)^%env\s+(\w+)(?:=|\s+)(.*)$`)

// folderChange matches the magic that changes the working folder.
var folderChange = regexp.MustCompile(`(?m)^%cd\s+(\S+)\s*$`)

// fetching matches the magics that let imports fetch packages, or not.
var fetching = regexp.MustCompile(`(?m)^%(no)?autoget\s*$`)

// follow does in the process of the values what GoNB's magics do in GoNB.
func (l *living) follow(special string) {
	for _, found := range variable.FindAllStringSubmatch(special, -1) {
		l.kernel.Set(found[1], strings.Trim(strings.TrimSpace(found[2]), `"`))
	}
	for _, found := range folderChange.FindAllStringSubmatch(special, -1) {
		l.kernel.ChangeFolder(found[1])
	}
	for _, found := range fetching.FindAllStringSubmatch(special, -1) {
		l.kernel.AutoGet(found[1] == "")
	}
	if regexp.MustCompile(`(?m)^%reset\b`).MatchString(special) {
		_, _ = l.kernel.Reset(l.back.Life) // GoNB tells the user that all is forgotten
	}
}

// isNewDisplay reports whether no display with that id has been shown yet.
func (l *living) isNewDisplay(id string) bool {
	l.cellMu.Lock()
	defer l.cellMu.Unlock()
	known := l.shown[id]
	l.shown[id] = true
	return !known
}

// kernelID finds Jupyter's id of a kernel in the name of its connection file.
var kernelID = regexp.MustCompile(`kernel-([a-f0-9-]+)\.json$`)

// hostEnv returns the variables that GoNB gives to the programs of cells. module is the folder of
// the cells' module.
func hostEnv(p *proxy, module string) []string {
	env := append([]string{
		"TMPDIR=" + p.kernel.Dir(), "GOMLX_NO_AUTO_INSTALL=1", resident.EnvProgram + "=" + p.launch.Program,
		protocol.GONB_TMP_DIR_ENV + "=" + module,
	}, p.launch.Env...)
	if folder, err := os.Getwd(); err == nil {
		env = append(env, protocol.GONB_DIR_ENV+"="+folder)
	}
	if id := kernelID.FindStringSubmatch(p.launch.Connection); id != nil {
		env = append(env, protocol.GONB_JUPYTER_KERNEL_ID_ENV+"="+id[1])
	}
	return env
}
