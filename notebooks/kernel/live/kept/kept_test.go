package kept

import (
	"errors"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/eqflow/density"
	"github.com/eqflow/gonb-eqflow/eqflow/particle"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/live/wire"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/session"
)

type node struct {
	Value int
	Next  *node
}

type withFunc struct {
	N int
	F func()
}

// What is kept comes back as it was.
func TestValuesComeBack(t *testing.T) {
	t.Setenv(session.EnvOut, t.TempDir())
	for _, v := range []any{
		7, -2.5, "text", true, complex(1, 2), []float64{1, math.Inf(1), 0}, map[string][]int{"a": {1}, "b": {2, 3}},
		[2]string{"x", "y"}, particle.Batch{X: []float64{1, 2, 3, 4}, N: 2, D: 2}, &node{1, &node{2, nil}},
		density.Samples{LogQ: []float64{1}}, time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), *big.NewInt(1 << 40),
		withFunc{N: 3}, map[string]any{"a": 1, "b": "c"}, []any{1.5, false},
	} {
		from := reflect.New(reflect.TypeOf(v))
		from.Elem().Set(reflect.ValueOf(v))
		if _, err := Write(wire.Kept{Name: "v", Type: "any"}, from.Interface()); err != nil {
			t.Errorf("%T %v is not kept: %v", v, v, err)
			continue
		}
		to := reflect.New(reflect.TypeOf(v))
		if err := read("v", to.Interface()); err != nil || !reflect.DeepEqual(from.Interface(), to.Interface()) {
			t.Errorf("%T %v comes back as %v, %v", v, v, to.Elem(), err)
		}
	}
}

// What cannot be kept is refused with the place of the reason.
func TestRefusals(t *testing.T) {
	t.Setenv(session.EnvOut, t.TempDir())
	ring := &node{}
	ring.Next = ring
	for _, c := range []struct {
		v    any
		want string
	}{
		{make(chan int), "it is a channel"},
		{func() {}, "it is a function"},
		{[]func(){nil, func() {}}, "it is a function"},
		{withFunc{F: func() {}}, "it.F is a function"},
		{map[string]chan int{"a": make(chan int)}, "element a of it is a channel"},
		{[]*node{{}, nil}, "element 1 of it is nil"},
		{ring, "leads back to itself"},
		{&sync.Mutex{}, "whose field"},
		{[]error{errors.New("x")}, "in the interface error"},
		{map[string]struct{}{"a": {}}, "without fields"},
		{(*node)(nil), "it is nil"},
		{[]int(nil), "it is nil"},
	} {
		p := reflect.New(reflect.TypeOf(c.v))
		p.Elem().Set(reflect.ValueOf(c.v))
		_, err := Write(wire.Kept{Name: "v"}, p.Interface())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T is refused by %v, want %q", c.v, err, c.want)
		}
	}
	if all, damaged := List(); len(all)+len(damaged) > 0 {
		t.Errorf("kept are %v, %v", all, damaged)
	}
}

// A damaged file is named, and a dropped value is gone.
func TestDamageAndDrop(t *testing.T) {
	t.Setenv(session.EnvOut, t.TempDir())
	x, y := []int{1, 2, 3}, "y"
	for name, p := range map[string]any{"x": &x, "y": &y} {
		if _, err := Write(wire.Kept{Name: name, Type: "T"}, p); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(session.Root(), "kept", "values", "x.kept")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	all, damaged := List()
	if len(all) != 1 || all[0].Name != "y" || len(damaged) != 1 ||
		!strings.Contains(damaged[0], "x.kept: the file is damaged") {
		t.Errorf("kept are %v, %v", all, damaged)
	}
	if err := errors.Join(Drop("x"), Drop("y")); err != nil {
		t.Error(err)
	}
	if err := Drop("y"); err == nil {
		t.Error("a value is dropped twice")
	}
	if err := read("y", &y); err == nil || err.Error() != "it is not kept" {
		t.Errorf("a dropped value is read: %v", err)
	}
}
