package resident

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/evaluate"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// The environment variables of the processes that the tests start.
const (
	pidVariable   = "EQFLOW_TEST_HELPER_PID" // the file that a helper writes its process number into
	ownerVariable = "EQFLOW_TEST_OWNER"      // the model that TestOwner queries
)

// TestMain is also the helper, with the arguments of one.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || os.Args[1] != "kernel" || os.Args[2] != "helper" {
		os.Exit(m.Run())
	}
	if file := os.Getenv(pidVariable); file != "" {
		if err := os.WriteFile(file, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			panic(err)
		}
	}
	err := Run(func(spec string) (compute.Backend, error) {
		if spec == "broken" {
			return nil, errors.New("no such backend")
		}
		opened, err := xla.Open(xla.Go)
		if err != nil {
			return nil, err
		}
		return opened.Backend, nil
	})
	if err != nil {
		panic(err)
	}
}

// startHost starts a host for a test, and makes a new working folder. pid waits for a helper and
// returns its process number.
func startHost(t *testing.T) (pid func() int) {
	t.Helper()
	dir, err := os.MkdirTemp("", "eqr-") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Chdir(dir)
	t.Setenv(pidVariable, filepath.Join(dir, "pid"))
	t.Setenv(envOut, "")
	h, err := NewHost(filepath.Join(dir, "socket"), os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	t.Setenv(EnvSocket, h.socket)
	return func() int { return readPID(t, filepath.Join(dir, "pid")) }
}

func readPID(t *testing.T, file string) (pid int) {
	t.Helper()
	await(t, "a helper has started", func() bool {
		text, _ := os.ReadFile(file)
		pid, _ = strconv.Atoi(string(text))
		return pid > 0
	})
	return pid
}

func await(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !reached(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// save saves an untrained model of three particles on springs in a folder.
func save(t *testing.T, folder string, seed uint64) *eqflow.Model {
	t.Helper()
	return saveOf(t, folder, target.Harmonic{N: 3, D: 2}, seed)
}

func saveOf(t *testing.T, folder string, system target.Target, seed uint64) *eqflow.Model {
	t.Helper()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: system, Seed: seed,
		Flow: flow.Continuous{Field: dynamics.RadialBasis{Centres: 4, TimeCentres: 2}, Steps: 2},
	})
	if err == nil {
		err = m.Save(folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func draw(t *testing.T, m *eqflow.Model) density.Samples {
	t.Helper()
	s, err := m.Sample(20, 7)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// failure returns the text of a panic.
func failure(do func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	do()
	return "no panic"
}

// The helper answers every query as the model itself does, and several clients at once.
func TestTheHelperAnswersAsTheModelDoes(t *testing.T) {
	startHost(t)
	m := save(t, "deep/eqBG", 1)
	want := draw(t, m)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			got := Open("eqBG").Sample(20, 7)
			if !slices.Equal(got.X.X, want.X.X) || !slices.Equal(got.LogQ, want.LogQ) ||
				!slices.Equal(got.LogWeight, want.LogWeight) {
				t.Errorf("samples have log q %v, the model's are %v", got.LogQ, want.LogQ)
			}
		})
	}
	clients.Wait()
	r := Open("eqBG")
	if got := r.LogProb(want.X, 0); len(got) != 20 || got[0]-want.LogQ[0] > 1e-4 {
		t.Errorf("log q is %v, was %v", got, want.LogQ)
	}
	z, _ := r.ToPrior(want.X, 0)
	x, _ := r.FromPrior(z, 0)
	frames := r.Path(z, 3)
	for k := range x.X {
		if d := x.X[k] - frames[2].X[k]; len(frames) != 3 || d > 1e-3 || d < -1e-3 {
			t.Fatalf("the path ends at %v, the flow at %v", frames[2].X, x.X)
		}
	}
	report, err := m.Evaluate(want.X, evaluate.Options{Samples: new(64)})
	// A collective variable is sent as its expression.
	rg := evaluate.Options{Samples: new(64), Variables: []measure.Variable{{Name: "rg", Expression: "rg"}}}
	got := r.Evaluate(want.X, rg)
	if err != nil || got.Check != report.Check || got.Weights != report.Weights || got.W2 != report.W2 ||
		len(got.FreeEnergies) != 1 {
		t.Errorf("the evaluation is %v, the model's %v, %v", got, report, err)
	}
	if r.Card().System != m.Target.Name() {
		t.Errorf("the card is %v", r.Card())
	}
}

// For a system made by target.FromGraph, the cell has the energy and the helper has the flow.
func TestASystemOfOnesOwn(t *testing.T) {
	startHost(t)
	springs := func(strength float64) *target.Own {
		return target.MustFromGraph("springs", 3, 2, func(x *graph.Node) *graph.Node {
			return graph.MulScalar(graph.ReduceSum(particle.SquaredPairDistances(x), -1), strength)
		})
	}
	want := draw(t, saveOf(t, "m", springs(1), 1))
	if got := Open("m").Sample(20, 7); !slices.Equal(got.LogWeight, want.LogWeight) {
		t.Errorf("log-weights are %v, the model's %v", got.LogWeight, want.LogWeight)
	}
	text := failure(func() { Open("m").Evaluate(want.X, evaluate.Options{}) })
	if !strings.Contains(text, "by a session") {
		t.Errorf("of an evaluation: %s", text)
	}
	springs(2)
	if text := failure(func() { Open("m").Sample(1, 1) }); !strings.Contains(text, "another energy") {
		t.Errorf("with another energy: %s", text)
	}
	want = draw(t, saveOf(t, "m", springs(2), 1))
	if got := Open("m").Sample(20, 7); !slices.Equal(got.LogWeight, want.LogWeight) {
		t.Errorf("of the new system log-weights are %v, the model's %v", got.LogWeight, want.LogWeight)
	}
}

func TestAHelperThatDiesIsReplaced(t *testing.T) {
	pid := startHost(t)
	want := draw(t, save(t, "m", 1))
	for range 2 {
		first := pid()
		if got := Open("m").Sample(20, 7); !slices.Equal(got.LogQ, want.LogQ) {
			t.Errorf("samples have log q %v, want %v", got.LogQ, want.LogQ)
		}
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if got := Open("m").Sample(20, 7); !slices.Equal(got.LogQ, want.LogQ) {
			t.Errorf("after the helper was killed, log q is %v, want %v", got.LogQ, want.LogQ)
		}
		if pid() == first {
			t.Error("the helper was not killed")
		}
	}
}

// A helper that is killed during a query is followed by another helper, which answers the query. A
// million samples take longer than the first report of progress.
func TestAQueryOutlivesItsHelper(t *testing.T) {
	pid := startHost(t)
	save(t, "m", 1)
	first, killed := pid(), false
	m := Open("m")
	m.Watch(context.Background(), func(done, total int) {
		if !killed {
			killed = true
			_ = syscall.Kill(first, syscall.SIGKILL)
		}
	})
	if got := m.Sample(1_000_000, 7); got.X.Len() != 1_000_000 || !killed || pid() == first {
		t.Errorf("%d samples by helper %d, at first %d; killed: %t", got.X.Len(), pid(), first, killed)
	}
}

func TestAModelTrainedAnewIsLoadedAnew(t *testing.T) {
	startHost(t)
	for seed := range uint64(3) {
		want := draw(t, save(t, "m", seed))
		if got := Open("m").Sample(20, 7); !slices.Equal(got.LogQ, want.LogQ) {
			t.Errorf("of the model of seed %d, log q is %v, want %v", seed, got.LogQ, want.LogQ)
		}
	}
}

// A client that stops waiting returns at once. The helper stops computing after the current block.
func TestAnAbandonedQueryIsNotComputed(t *testing.T) {
	startHost(t)
	save(t, "m", 1)
	ctx, stop := context.WithCancel(context.Background())
	m := Open("m")
	m.Watch(ctx, func(int, int) { stop() })
	start := time.Now()
	if text := failure(func() { m.Sample(3_000_000, 1) }); !strings.Contains(text, "stopped") {
		t.Errorf("an abandoned query fails with %q", text)
	}
	Open("m").Sample(1, 1)
	if took := time.Since(start); took > 30*time.Second { // three million samples take minutes
		t.Errorf("the next answer came after %s", took)
	}
}

func TestFailures(t *testing.T) {
	startHost(t)
	if text := failure(func() { Open("m") }); !strings.Contains(text, "none below this folder") {
		t.Errorf("without models: %s", text)
	}
	save(t, "a/m", 1)
	save(t, "b/m", 1)
	save(t, "damaged", 1)
	if text := failure(func() { Open("m") }); !strings.Contains(text, "a/m or b/m") {
		t.Errorf("of two: %s", text)
	}
	if text := failure(func() { Open("n") }); !strings.Contains(text, "there are a/m, b/m") {
		t.Errorf("of none: %s", text)
	}
	if err := os.WriteFile(train.FileOf("damaged"), []byte("no archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text := failure(func() { Open("damaged").Sample(1, 1) }); !strings.Contains(text, "damaged") {
		t.Errorf("a damaged model: %s", text)
	}
	other := particle.NewBatch(1, 4, 2)
	if text := failure(func() { Open("a/m").LogProb(other, 0) }); !strings.Contains(text, "do not fit") {
		t.Errorf("a configuration of another system: %s", text)
	}
	t.Run("backend", func(t *testing.T) {
		t.Setenv(envBackend, "broken")
		if text := failure(func() { Open("a/m").Sample(1, 1) }); text != "no such backend" {
			t.Errorf("a backend that does not open: %s", text)
		}
	})
	if got := Open("a/m").Sample(1, 1); got.X.Len() != 1 {
		t.Error("the helper does not answer any more")
	}
}

// TestOwner is the process that TestNoHelperOutlivesItsOwner kills: a process without a kernel that
// queries a model.
func TestOwner(t *testing.T) {
	model := os.Getenv(ownerVariable)
	if model == "" {
		return // only as a child of that test
	}
	fmt.Println("drawn:", Open(model).Sample(1, 1).X.Len())
	time.Sleep(time.Hour)
}

func TestNoHelperOutlivesItsOwner(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "m"), 1)
	owner := exec.Command(os.Args[0], "-test.run=^TestOwner$")
	owner.Env = append(os.Environ(),
		ownerVariable+"="+filepath.Join(dir, "m"), pidVariable+"="+filepath.Join(dir, "pid"),
		EnvProgram+"="+os.Args[0], EnvSocket+"=", "TMPDIR="+dir)
	out, err := owner.StdoutPipe()
	if err == nil {
		err = owner.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("drawn: 1"))
	if _, err := out.Read(line); err != nil || string(line) != "drawn: 1" {
		t.Errorf("the owner says %q, %v", line, err)
	}
	pid := readPID(t, filepath.Join(dir, "pid"))
	_ = owner.Process.Kill()
	_ = owner.Wait()
	await(t, "the helper is gone", func() bool { return !alive(pid) })
	await(t, "its folder is gone", func() bool {
		left, _ := filepath.Glob(filepath.Join(dir, "eqflow-resident-*"))
		return len(left) == 0
	})
}

// The package repeats the name of xla's variable, since cells must not link xla.
func TestNamesAgree(t *testing.T) {
	if envBackend != xla.EnvBackend {
		t.Errorf("%s is not %s", envBackend, xla.EnvBackend)
	}
}
