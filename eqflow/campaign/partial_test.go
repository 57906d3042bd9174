package campaign

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow"
	"github.com/eqflow/gonb-eqflow/eqflow/dataset"
	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/engine"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// sampleTo draws a job and writes its file.
func sampleTo(job Job, m *eqflow.Model, path string, overwrite bool, resumed func(kept int)) error {
	drawn, err := job.Draw(m, path, overwrite, resumed)
	if err != nil {
		return err
	}
	return errors.Join(drawn.Write(m, true), drawn.Drop())
}

// interrupt draws a shard until its n-th report, and returns the error.
func interrupt(t *testing.T, m *eqflow.Model, job Job, path string, n int) error {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	m.Watch(ctx, func(int, int) {
		if n--; n == 0 {
			kill()
		}
	})
	defer m.Watch(t.Context(), nil)
	err := sampleTo(job, m, path, false, nil)
	return err
}

// A shard that is stopped twice keeps its samples, continues after them, and gets the bytes of an
// undisturbed one. The lengths differ because graphs run a short rest in another program.
func TestStoppedShardContinues(t *testing.T) {
	for _, kind := range []engine.Kind{engine.Auto, engine.Graphs} {
		for _, total := range []int{3*1024 + 5, 3*1024 + 500, 4 * 1024} {
			m := onEngine(t, newModel(t, 1), kind)
			job, err := Sampling(m, total, 5, Shard{0, 1})
			if err != nil {
				t.Fatal(err)
			}
			whole, err := job.Sample(m)
			if err != nil {
				t.Fatal(err)
			}
			folder := t.TempDir()
			path, undisturbed := filepath.Join(folder, "0.npz"), filepath.Join(folder, "whole.npz")
			if err := dataset.Write(undisturbed, whole, false); err != nil {
				t.Fatal(err)
			}
			for _, blocks := range []int{2, 1} { // 1 block on top of 2
				err := interrupt(t, m, job, path, blocks)
				if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "kept in "+Partial(path)) {
					t.Fatalf("interrupted: %v", err)
				}
			}
			kept := 0
			if err := sampleTo(job, m, path, false, func(n int) { kept = n }); err != nil || kept < 3*1024 {
				t.Errorf("%s, %d samples: continues after %d, %v", kind, total, kept, err)
			}
			checkSameFile(t, path, undisturbed)
			if _, err := os.Stat(Partial(path)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("kept samples stay beside the complete shard: %v", err)
			}
		}
	}
}

// onEngine returns the model with another engine.
func onEngine(t *testing.T, m *eqflow.Model, kind engine.Kind) *eqflow.Model {
	t.Helper()
	g := m.Generator
	g.Engine = kind
	m, err := eqflow.New(xlatest.OpenGo(t).Backend, g)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func checkSameFile(t *testing.T, path, other string) {
	t.Helper()
	a, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(other)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("%s and %s differ", path, other)
	}
}

// Kept samples that are damaged are drawn again. Those of another job are refused, or with
// overwrite drawn again.
func TestKeptSamplesAreChecked(t *testing.T) {
	m := newModel(t, 1)
	folder := t.TempDir()
	path, undisturbed := filepath.Join(folder, "0.npz"), filepath.Join(folder, "whole.npz")
	job, err := Sampling(m, 3000, 5, Shard{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	other, err := Sampling(m, 3000, 6, Shard{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := sampleTo(job, m, undisturbed, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := interrupt(t, m, job, path, 1); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	good, err := os.ReadFile(Partial(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := sampleTo(other, m, path, false, nil); !errors.Is(err, ErrShards) ||
		!strings.Contains(err.Error(), "of seed 5, not 6; remove it") {
		t.Errorf("another seed: %v", err)
	}
	damage := map[string]func([]byte) []byte{
		"cut":     func(b []byte) []byte { return b[:len(b)/2] },
		"empty":   func([]byte) []byte { return nil },
		"changed": func(b []byte) []byte { b[len(b)/3] ^= 1; return b },
		"foreign": func([]byte) []byte { return []byte("no samples") },
	}
	for what, change := range damage {
		if err := os.WriteFile(Partial(path), change(slices.Clone(good)), 0o600); err != nil {
			t.Fatal(err)
		}
		kept := 0
		if err := sampleTo(job, m, path, false, func(n int) { kept = n }); err != nil || kept != 0 {
			t.Errorf("%s: continues after %d, %v", what, kept, err)
		}
		checkSameFile(t, path, undisturbed)
	}
	if err := os.WriteFile(Partial(path), good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := sampleTo(other, m, path, true, nil); err != nil {
		t.Errorf("another seed with overwrite: %v", err)
	}
}

// Of kept samples that end in damage, the blocks before it stay.
func TestBlocksBeforeDamageStay(t *testing.T) {
	m := newModel(t, 1)
	folder := t.TempDir()
	path, undisturbed := filepath.Join(folder, "0.npz"), filepath.Join(folder, "whole.npz")
	job, err := Sampling(m, 4*1024, 5, Shard{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := sampleTo(job, m, undisturbed, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := interrupt(t, m, job, path, 2); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	good, err := os.ReadFile(Partial(path))
	if err != nil {
		t.Fatal(err)
	}
	block := m.Block(4 * 1024)
	for _, size := range []int{len(good), len(good) - 1, len(good) * 3 / 4, len(good)/2 + 200} {
		want := block
		if size == len(good) {
			want = 2 * block
		}
		if err := os.WriteFile(Partial(path), good[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		kept := 0
		if err := sampleTo(job, m, path, true, func(n int) { kept = n }); err != nil || kept != want {
			t.Errorf("of %d bytes: continues after %d, want %d, %v", size, kept, want, err)
		}
		checkSameFile(t, path, undisturbed)
	}
}

// Complete samples that a killed process left beside their file are removed, and no others.
func TestRelics(t *testing.T) {
	m := newModel(t, 1)
	path := filepath.Join(t.TempDir(), "x.npz")
	job, err := Single(m, 3000, 5)
	if err != nil {
		t.Fatal(err)
	}
	left := func() bool {
		DropRelic(path)
		_, err := os.Stat(Partial(path))
		return err == nil
	}
	ctx, kill := context.WithCancel(t.Context())
	m.Watch(ctx, func(int, int) { kill() })
	if _, err := job.Draw(m, path, false, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	m.Watch(t.Context(), nil)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if !left() {
		t.Error("the samples of a stopped draw are removed")
	}
	drawn, err := job.Draw(m, path, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer drawn.Close()
	if err := os.Chtimes(path, time.Now(), time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	if !left() {
		t.Error("samples that are newer than the file are removed")
	}
	if err := drawn.Write(m, true); err != nil {
		t.Fatal(err)
	}
	if left() {
		t.Error("the samples of a complete file stay")
	}
}

// Two processes that draw for one file at a time do not disturb each other.
func TestTwoDrawsForOneFile(t *testing.T) {
	m := newModel(t, 1)
	folder := t.TempDir()
	path, undisturbed := filepath.Join(folder, "0.npz"), filepath.Join(folder, "whole.npz")
	job, err := Sampling(m, 3*1024, 5, Shard{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := sampleTo(job, m, undisturbed, false, nil); err != nil {
		t.Fatal(err)
	}
	first, err := job.continued(m, Partial(path), false)
	if err != nil {
		t.Fatal(err)
	}
	begun := false
	err = job.draw(m, 0, func(s density.Samples) error {
		if err := first.append(s); err != nil || begun {
			return err
		}
		begun = true
		return sampleTo(job, m, path, false, nil) // the second, from beginning to end
	})
	if err != nil {
		t.Fatal(err)
	}
	checkSameFile(t, path, undisturbed)
	drawn := Drawn{Table{Campaign: job.Campaign, N: first.n, read: first.read}, job, path, first}
	if err := errors.Join(drawn.Write(m, true), drawn.Drop()); err != nil {
		t.Fatal(err)
	}
	checkSameFile(t, path, undisturbed)
}

// A whole draw that is stopped continues, and gives the samples of Model.Sample.
func TestStoppedDrawContinues(t *testing.T) {
	m := newModel(t, 1)
	path := filepath.Join(t.TempDir(), "x.xyz")
	job, err := Single(m, 3000, 5)
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Sample(3000, 5)
	if err != nil {
		t.Fatal(err)
	}
	ctx, kill := context.WithCancel(t.Context())
	m.Watch(ctx, func(int, int) { kill() })
	_, err = job.Draw(m, path, false, nil)
	m.Watch(t.Context(), nil)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "kept in "+Partial(path)) {
		t.Fatalf("interrupted: %v", err)
	}
	kept := 0
	drawn, err := job.Draw(m, path, false, func(n int) { kept = n })
	if err != nil {
		t.Fatal(err)
	}
	defer drawn.Drop()
	got, err := drawn.Samples(m)
	if err != nil || kept == 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("continued after %d: %v, and the same samples: %t", kept, err, reflect.DeepEqual(got, want))
	}
	shard, err := Sampling(m, 3000, 5, Shard{0, 1})
	if err != nil {
		t.Fatal(err)
	}
	m.Watch(canceled(t), nil)
	if _, err := shard.Draw(m, path, false, nil); err == nil {
		t.Error("a shard continues a whole draw")
	}
	m.Watch(t.Context(), nil)
}

// canceled returns a context that has ended.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
