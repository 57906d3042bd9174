package session_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/eqflowtest"
	"github.com/eqflow/gonb-eqflow/eqflow/mcmc"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/eqflow/target"
	"github.com/eqflow/gonb-eqflow/eqflow/train"
	"github.com/eqflow/gonb-eqflow/internal/lock"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// asNotebook is the variable that makes the test binary hold a data set's name until it is killed.
const asNotebook = "EQFLOW_TEST_NOTEBOOK"

func TestMain(m *testing.M) {
	if folder := os.Getenv(asNotebook); folder != "" {
		session.Hold(folder, "x")
		os.Stdout.WriteString("held\n")
		time.Sleep(time.Minute)
	}
	os.Exit(m.Run())
}

// drawnOnce returns a sampler that counts its calls.
func drawnOnce(calls *int, before func()) func(func(done, total int)) (particle.Batch, mcmc.Info, error) {
	return func(func(done, total int)) (particle.Batch, mcmc.Info, error) {
		*calls++
		if before != nil {
			before()
		}
		return particle.Batch{X: []float64{1, 2, 3, 4, 5, 6, 7, 8}, N: 4, D: 2}, mcmc.Info{}, nil
	}
}

// Two notebooks that ask for one data set at once draw it once.
func TestDataIsDrawnOnce(t *testing.T) {
	folder, calls := t.TempDir(), 0
	second := make(chan particle.Batch)
	first := session.At(folder, nil).Drawn("x", target.DW4(), 1, "recipe", drawnOnce(&calls, func() {
		go func() {
			none := 0
			x := session.At(folder, nil).Drawn("x", target.DW4(), 1, "recipe", drawnOnce(&none, nil))
			calls += none
			second <- x
		}()
		time.Sleep(300 * time.Millisecond) // the second one waits meanwhile
	}))
	if other := <-second; calls != 1 || !reflect.DeepEqual(first, other) {
		t.Errorf("drawn %d times: %v and %v", calls, first, other)
	}
}

// The name that a killed notebook held is free.
func TestKilledNotebookHoldsNothing(t *testing.T) {
	folder := t.TempDir()
	other := exec.Command(os.Args[0])
	other.Env = append(os.Environ(), asNotebook+"="+filepath.Join(folder, "data"))
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if held := lock.Held(folder); len(held) != 1 || !strings.Contains(held[0], "is in use by process") {
		t.Errorf("held are %q", held)
	}
	time.AfterFunc(200*time.Millisecond, func() { _ = other.Process.Kill() })
	calls := 0
	session.At(folder, nil).Drawn("x", target.DW4(), 1, "recipe", drawnOnce(&calls, nil))
	if _ = other.Wait(); calls != 1 {
		t.Errorf("drawn %d times", calls)
	}
}

// A second training under one name is refused by the process that trains, and a finished one is
// taken by any number of processes. Other settings replace the model.
func TestTrainingsUnderOneName(t *testing.T) {
	opened := xlatest.OpenGo(t)
	s := session.At(t.TempDir(), opened)
	training := session.Training{
		Backend: opened.Backend, Data: train.Data{Train: eqflowtest.Data(t)}, Settings: eqflowtest.Settings(3),
		Generator: eqflow.Generator{Target: target.DW4(), Flow: eqflowtest.Small, Seed: 1},
	}
	inner := training
	var second error
	training.Report = func(p train.Progress) {
		if p.Step == 1 {
			_, _, second = s.Fit(context.Background(), "m", inner)
		}
	}
	if _, _, err := s.Fit(context.Background(), "m", training); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(second, train.ErrLocked) || !strings.Contains(second.Error(), "process") {
		t.Errorf("the second training: %v", second)
	}
	held, err := lock.Folder(filepath.Join(s.Folder(), "models", "m"))
	if err != nil {
		t.Fatal(err)
	}
	if _, history, err := s.Fit(context.Background(), "m", inner); err != nil || history.Steps != 3 {
		t.Errorf("the finished model: %d steps, %v", history.Steps, err)
	}
	held.Release()
	inner.Settings = eqflowtest.Settings(5)
	if _, history, err := s.Fit(context.Background(), "m", inner); err != nil || history.Steps != 5 {
		t.Errorf("other settings: %d steps, %v", history.Steps, err)
	}
}
