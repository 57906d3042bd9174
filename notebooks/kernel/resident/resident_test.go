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
	"github.com/eqflow/gonb-eqflow/eqflow/dynamics"
	"github.com/eqflow/gonb-eqflow/eqflow/flow"
	"github.com/eqflow/gonb-eqflow/eqflow/measure"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// The environment of the processes that the tests start.
const (
	pidVariable   = "EQFLOW_TEST_HELPER_PID" // the file that a helper writes its number into
	ownerVariable = "EQFLOW_TEST_OWNER"      // the model that TestOwner asks
)

// TestMain is the helper too, where it is called as one.
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

// kernel is a helper's owner for a test, and the folder that it works in. It returns the helper's number, once there is one.
func kernel(t *testing.T) (pid func() int) {
	t.Helper()
	dir, err := os.MkdirTemp("", "eqr-") // sockets want short paths
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

// save puts an untrained model of three particles on springs into a folder.
func save(t *testing.T, folder string, seed uint64) *eqflow.Model {
	t.Helper()
	return saveOf(t, folder, target.Harmonic{N: 3, D: 2}, seed)
}

func saveOf(t *testing.T, folder string, system target.Target, seed uint64) *eqflow.Model {
	t.Helper()
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, eqflow.Generator{
		Target: system, Flow: flow.Continuous{Field: dynamics.Kernel{Centres: 4, TimeCentres: 2}, Steps: 2}, Seed: seed,
	})
	if err == nil {
		err = m.Save(folder)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func drawn(t *testing.T, m *eqflow.Model) eqflow.Samples {
	t.Helper()
	s, err := m.Sample(20, 7)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wrong returns what a cell that fails says.
func wrong(do func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	do()
	return "nothing went wrong"
}

// Whatever is asked, the helper answers as the model itself does, to many at once.
func TestTheHelperAnswersAsTheModelDoes(t *testing.T) {
	kernel(t)
	m := save(t, "deep/eqBG", 1)
	want := drawn(t, m)
	var askers sync.WaitGroup
	for range 4 {
		askers.Go(func() {
			got := Open("eqBG").Sample(20, 7)
			if !slices.Equal(got.X.X, want.X.X) || !slices.Equal(got.LogQ, want.LogQ) || !slices.Equal(got.LogWeight, want.LogWeight) {
				t.Errorf("samples have log q %v, the model's %v", got.LogQ, want.LogQ)
			}
		})
	}
	askers.Wait()
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
	report, err := m.Evaluate(want.X, eqflow.Evaluation{Samples: 64})
	// A collective variable crosses over as its expression.
	rg := eqflow.Evaluation{Samples: 64, Variables: []measure.Variable{{Name: "rg", Expression: "rg"}}}
	if got := r.Evaluate(want.X, rg); err != nil || got.Check != report.Check || got.Weights != report.Weights || got.W2 != report.W2 || len(got.FreeEnergies) != 1 {
		t.Errorf("the evaluation is %v, the model's %v, %v", got, report, err)
	}
	if r.Card().System != m.Target.Name() {
		t.Errorf("the card is %v", r.Card())
	}
}

// The cell has the energy of a system of its own, the helper the flow.
func TestASystemOfOnesOwn(t *testing.T) {
	kernel(t)
	springs := func(strength float64) *target.Own {
		return target.MustFromGraph("springs", 3, 2, func(x *graph.Node) *graph.Node {
			return graph.MulScalar(graph.ReduceSum(particle.SquaredPairDistances(x), -1), strength)
		})
	}
	want := drawn(t, saveOf(t, "m", springs(1), 1))
	if got := Open("m").Sample(20, 7); !slices.Equal(got.LogWeight, want.LogWeight) {
		t.Errorf("log-weights are %v, the model's %v", got.LogWeight, want.LogWeight)
	}
	if said := wrong(func() { Open("m").Evaluate(want.X, eqflow.Evaluation{}) }); !strings.Contains(said, "by a session") {
		t.Errorf("of an evaluation: %s", said)
	}
	springs(2)
	if said := wrong(func() { Open("m").Sample(1, 1) }); !strings.Contains(said, "another energy") {
		t.Errorf("with another energy: %s", said)
	}
	want = drawn(t, saveOf(t, "m", springs(2), 1))
	if got := Open("m").Sample(20, 7); !slices.Equal(got.LogWeight, want.LogWeight) {
		t.Errorf("of the new system log-weights are %v, the model's %v", got.LogWeight, want.LogWeight)
	}
}

func TestAHelperThatDiesIsFollowedByAnother(t *testing.T) {
	pid := kernel(t)
	want := drawn(t, save(t, "m", 1))
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

// A helper killed over a question is followed by another, who answers it. So many samples take longer than the time until
// progress is told first.
func TestAQuestionOutlivesItsHelper(t *testing.T) {
	pid := kernel(t)
	save(t, "m", 1)
	first, heard := pid(), false
	m := Open("m")
	m.Watch(context.Background(), func(done, total int) {
		if !heard {
			heard = true
			_ = syscall.Kill(first, syscall.SIGKILL)
		}
	})
	if got := m.Sample(1_000_000, 7); got.X.Len() != 1_000_000 || !heard || pid() == first {
		t.Errorf("%d samples by the helper %d, once %d; progress heard: %t", got.X.Len(), pid(), first, heard)
	}
}

func TestAModelTrainedAnewIsLoadedAnew(t *testing.T) {
	kernel(t)
	for seed := range uint64(3) {
		want := drawn(t, save(t, "m", seed))
		if got := Open("m").Sample(20, 7); !slices.Equal(got.LogQ, want.LogQ) {
			t.Errorf("of the model of seed %d, log q is %v, want %v", seed, got.LogQ, want.LogQ)
		}
	}
}

// Who does not wait any more is free at once, and so is the helper, between two blocks.
func TestAnAnswerThatIsNotWantedIsNotComputed(t *testing.T) {
	kernel(t)
	save(t, "m", 1)
	ctx, stop := context.WithCancel(context.Background())
	m := Open("m")
	m.Watch(ctx, func(int, int) { stop() })
	start := time.Now()
	if said := wrong(func() { m.Sample(3_000_000, 1) }); !strings.Contains(said, "stopped") {
		t.Errorf("a question that was given up says %q", said)
	}
	Open("m").Sample(1, 1)
	if took := time.Since(start); took > 30*time.Second { // three million take minutes
		t.Errorf("the next answer came after %s", took)
	}
}

func TestWhatGoesWrongIsSaid(t *testing.T) {
	kernel(t)
	if said := wrong(func() { Open("m") }); !strings.Contains(said, "none below this folder") {
		t.Errorf("without models: %s", said)
	}
	save(t, "a/m", 1)
	save(t, "b/m", 1)
	save(t, "damaged", 1)
	if said := wrong(func() { Open("m") }); !strings.Contains(said, "a/m or b/m") {
		t.Errorf("of two: %s", said)
	}
	if said := wrong(func() { Open("n") }); !strings.Contains(said, "there are a/m, b/m") {
		t.Errorf("of none: %s", said)
	}
	if err := os.WriteFile(eqflow.FileOf("damaged"), []byte("no archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	if said := wrong(func() { Open("damaged").Sample(1, 1) }); !strings.Contains(said, "damaged") {
		t.Errorf("a damaged model: %s", said)
	}
	if said := wrong(func() { Open("a/m").LogProb(particle.NewBatch(1, 4, 2), 0) }); !strings.Contains(said, "do not fit") {
		t.Errorf("a configuration of another system: %s", said)
	}
	t.Run("backend", func(t *testing.T) {
		t.Setenv(envBackend, "broken")
		if said := wrong(func() { Open("a/m").Sample(1, 1) }); said != "no such backend" {
			t.Errorf("a backend that does not open: %s", said)
		}
	})
	if got := Open("a/m").Sample(1, 1); got.X.Len() != 1 {
		t.Error("the helper answers no more")
	}
}

// TestOwner is the process that TestNoHelperOutlivesItsOwner kills: one without a kernel, that asks.
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
	owner.Env = append(os.Environ(), ownerVariable+"="+filepath.Join(dir, "m"), pidVariable+"="+filepath.Join(dir, "pid"),
		EnvProgram+"="+os.Args[0], EnvSocket+"=", "TMPDIR="+dir)
	said, err := owner.StdoutPipe()
	if err == nil {
		err = owner.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, len("drawn: 1"))
	if _, err := said.Read(line); err != nil || string(line) != "drawn: 1" {
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

// A helper cannot tell what xla calls its variable, without linking it.
func TestNamesAgree(t *testing.T) {
	if envBackend != xla.EnvBackend {
		t.Errorf("%s is not %s", envBackend, xla.EnvBackend)
	}
}
