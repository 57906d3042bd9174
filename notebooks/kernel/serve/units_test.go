package serve

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/cells"
)

func TestIsComplete(t *testing.T) {
	for code, want := range map[string]string{
		"x := 1": "complete", "func f() {\n\treturn\n}": "complete", "%eqflow models": "complete", "!ls": "complete",
		"func f() {": "incomplete", "x := []int{1,": "incomplete", "s := `open": "incomplete", "/* open": "incomplete",
		"x +": "incomplete", "!ls \\": "incomplete", "f(": "incomplete", "i++": "complete",
		"x)": "invalid", "s := \"open": "invalid",
	} {
		if got := isComplete(code)["status"]; got != want {
			t.Errorf("%q is %v, want %s", code, got, want)
		}
	}
}

// Lines keep their numbers when magics are extracted. Cells in other languages stay unchanged.
func TestExtractMagics(t *testing.T) {
	rest, magics := extractMagics("x := 1\n%eqflow show a b\ny := 2")
	if strings.Join(rest, "|") != "x := 1||y := 2" || len(magics) != 1 ||
		strings.Join(magics[0].words, " ") != "show a b" || magics[0].index != 1 {
		t.Errorf("rest %q, magics %v", rest, magics)
	}
	for _, code := range []string{"%%script bash\n%eqflow models", "x := `\n  %eqflow`", "%eqflowers"} {
		if _, magics := extractMagics(code); len(magics) != 0 {
			t.Errorf("%q has magics %v", code, magics)
		}
	}
}

func TestKernelspec(t *testing.T) {
	prefix := t.TempDir()
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	i := Installation{Prefix: prefix, Binary: here, Root: prefix, Tools: gonb.Toolchain{Dir: prefix}, Backend: "go"}
	folder, err := i.Install()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kernel.json", "logo-32x32.png", "logo-64x64.png", "logo-svg.svg",
		"../../labextensions/eqflow-kernel/package.json", "../../labextensions/eqflow-kernel/static/remoteEntry.js"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			t.Error(err)
		}
	}
	t.Setenv("JUPYTER_DATA_DIR", t.TempDir())
	found, err := Find(prefix)
	if err != nil || len(found) != 1 || found[0].Binary != here || found[0].Backend != "go" {
		t.Fatalf("found %+v, %v", found, err)
	}
	if broken := strings.Join(found[0].Broken, "; "); strings.Count(broken, "install the kernel again") != 3 {
		t.Errorf("a kernelspec without code, gonb and goimports is reported as: %s", broken)
	}
	if _, found, err := Uninstall(prefix); !found || err != nil {
		t.Errorf("uninstall: %t, %v", found, err)
	}
	if _, err := os.Stat(extensionFolder(folder)); err == nil {
		t.Error("uninstalling leaves the extension of JupyterLab")
	}
	if _, found, err := Uninstall(prefix); found || err != nil {
		t.Errorf("uninstall twice: %t, %v", found, err)
	}
}

// Uninstalling removes what is left of a kernel, also if Jupyter has removed the kernelspec.
func TestUninstallOfTheRest(t *testing.T) {
	for name, part := range map[string]func(prefix, folder string) string{
		"the extension":    func(_, folder string) string { return extensionFolder(folder) },
		"the shared parts": func(prefix, _ string) string { return shareFolder(prefix) },
	} {
		prefix := t.TempDir()
		folder, err := Installation{Prefix: prefix, Binary: prefix, Root: prefix}.Install()
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.MkdirAll(shareFolder(prefix), 0o755), os.RemoveAll(folder)); err != nil {
			t.Fatal(err)
		}
		if _, found, err := Uninstall(prefix); !found || err != nil {
			t.Errorf("%s: %t, %v", name, found, err)
		}
		if _, err := os.Stat(part(prefix, folder)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("uninstalling leaves %s: %v", name, err)
		}
	}
}

// A kernelspec without a layout is broken only if its program is another program than this one.
func TestKernelspecOfAnotherLayout(t *testing.T) {
	prefix := t.TempDir()
	here, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := Installation{Prefix: prefix, Binary: here, Root: prefix}.Install()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "kernel.json"))
	if err != nil {
		t.Fatal(err)
	}
	old := strings.ReplaceAll(string(text), layoutKey, "older")
	for binary, want := range map[string]bool{here: false, filepath.Join(prefix, "eqflow"): true} {
		i := inspect(folder, []byte(strings.ReplaceAll(old, here, binary)), nil)
		if got := strings.Contains(strings.Join(i.Broken, "; "), "another version"); got != want {
			t.Errorf("an older kernelspec of %s is broken: %v", binary, i.Broken)
		}
	}
}

// No text of a cell and no position in it end the proxy.
func TestOddCells(t *testing.T) {
	magics := testMagics()
	for _, code := range []string{
		"", "%", "%eqflow", "%eqflow ", "%eqflow\x00", "%%", "%%ä\n%eqflow", "\U0001f600%eqf", "\xff%eqflow",
		"`", "'", "/*", "}", "\\",
	} {
		extractMagics(code)
		isComplete(code)
		for _, cursor := range []any{nil, "4", -1., 0., 1.5, float64(len(code)), 1e300, -1e300} {
			complete(magics, code, cursor)
		}
	}
}

// What cannot be made leaves what is there as it is, and no traces.
func TestFailuresKeepWhatIsInstalled(t *testing.T) {
	parent := t.TempDir()
	folder := filepath.Join(parent, "code")
	fill := func(words string, err error) func(string) error {
		return func(part string) error {
			return errors.Join(os.WriteFile(filepath.Join(part, "words"), []byte(words), 0o600), err)
		}
	}
	for _, c := range []struct {
		words string
		err   error
		want  string
	}{{"first", nil, "first"}, {"second", nil, "second"}, {"third", errors.New("the disk is full"), "second"}} {
		if err := replace(folder, fill(c.words, c.err)); !errors.Is(err, c.err) {
			t.Errorf("%s: %v", c.words, err)
		}
		if text, err := os.ReadFile(filepath.Join(folder, "words")); string(text) != c.want {
			t.Errorf("%s leaves %q, %v", c.words, text, err)
		}
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Errorf("there is more than the folder: %v", entries)
	}
	program, err := copyProgram(filepath.Join(folder, "words"), parent)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := copyProgram(folder, parent); err == nil { // a folder cannot be read
		t.Error("a folder is a program")
	}
	text, err := os.ReadFile(program)
	left, _ := os.ReadDir(filepath.Dir(program))
	if string(text) != "second" || len(left) != 1 {
		t.Errorf("the program is %q, %v, beside %v", text, err, left)
	}
}

// An error without a problem has a text.
func TestAnErrorWithoutProblems(t *testing.T) {
	content := explainError(&cells.Error{Cell: 3}, 3, map[int]string{3: "x"})
	if content["evalue"] != "cell 3: the compiler says nothing" {
		t.Errorf("it is shown as %v", content)
	}
}

// Of GoNB's messages the proxy signs those anew that it changes: those with a cell's number.
func TestMessagesOfALentCell(t *testing.T) {
	job := &lent{id: "cell", count: 7, replied: make(chan gonb.Message, 1), idle: make(chan bool, 1)}
	l := &living{lent: job, count: 9} // a cell beside it has a number too
	for _, c := range []struct {
		kind, parent   string
		content        map[string]any
		taken, changed bool
	}{
		{"stream", "cell", map[string]any{"name": "stdout", "text": "a"}, false, false},
		{"stream", "another", map[string]any{"name": "stdout", "text": "a"}, false, false},
		{"stream", "cell", map[string]any{"name": "stderr", "text": "exit status 1\n"}, true, false},
		{"execute_result", "cell", map[string]any{"execution_count": 2.}, false, true},
		{"execute_input", "cell", map[string]any{"execution_count": 2.}, true, false},
		{"execute_reply", "cell", map[string]any{"execution_count": 2., "status": "ok"}, true, false},
		{"status", "cell", map[string]any{"execution_state": "idle"}, true, false},
	} {
		m := gonb.Message{Header: gonb.NewHeader("s", c.kind), Parent: gonb.NewHeader("s", ""), Content: c.content}
		m.Parent.ID = c.parent
		taken, changed := l.takes(&m)
		if taken != c.taken || changed != c.changed || changed && m.Content["execution_count"] != 7 {
			t.Errorf("%+v of %s: taken %t, changed %t", m.Content, c.parent, taken, changed)
		}
	}
}

// refusing is a GoNB that takes no requests.
type refusing struct{}

func (refusing) Recv() ([][]byte, error) { return nil, errors.New("silent") }
func (refusing) Send([][]byte) error     { return errors.New("refused") }

// A program of the widgets that does not start is not waited for.
func TestABridgeWithoutProgram(t *testing.T) {
	dir := shortTemp(t)
	c, err := readConnection(connectionFile(t, dir, gonb.Signer(gonb.RandomToken())))
	if err != nil {
		t.Fatal(err)
	}
	f, err := listen(c)
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	p := newProxy(f, nil, &gonb.Kernel{}, Launch{})
	p.toGoNB = refusing{}
	began := time.Now()
	m := gonb.Message{Header: gonb.NewHeader("s", "execute_request"), Content: map[string]any{}}
	b := (&living{proxy: p, scratch: dir}).openBridge(&m)
	b.send("nothing")
	b.close()
	if took := time.Since(began); b.conn != nil || took > bridgeLimit/3 {
		t.Errorf("after %s the bridge has %v", took, b.conn)
	}
}
