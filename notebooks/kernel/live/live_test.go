package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// recorder collects a cell's output.
type recorder struct {
	mu      sync.Mutex
	streams map[string]string
	shown   []map[string]any
	result  map[string]any
}

func (r *recorder) Stream(name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.streams == nil {
		r.streams = map[string]string{}
	}
	r.streams[name] += text
}

func (r *recorder) Display(data map[string]any, _ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shown = append(r.shown, data)
}

func (r *recorder) Result(data map[string]any) { r.result = data }
func (r *recorder) Interact(any)               {}

func (r *recorder) stream(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.streams[name]
}

func newKernel(t *testing.T) *Kernel {
	t.Helper()
	root, err := gonb.FindRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	cache, err := gonb.CacheFolder()
	if err != nil {
		t.Fatal(err)
	}
	k := New(context.Background(), Options{
		Module: root, Folder: t.TempDir(), Cache: cache, Scratch: t.TempDir(),
		Offered: []string{gonb.Module + "/eqflow", gonb.Module + "/eqflow/target", gonb.Module + "/eqflow/figure"},
	})
	t.Cleanup(k.Close)
	if err := k.Ready(context.Background()); errors.Is(err, errUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTry(t *testing.T) {
	k := newKernel(t)
	for i, code := range strings.Split(os.Getenv("CELLS"), "---\n") {
		began := time.Now()
		r := &recorder{}
		err := k.Run(i+1, code, r)
		fmt.Printf("[%d] %.2fs out=%q err=%q result=%v shown=%d error=%v\n", i+1, time.Since(began).Seconds(), r.stream("stdout"), r.stream("stderr"), r.result, len(r.shown), err)
		var f *Failure
		if errors.As(err, &f) {
			fmt.Printf("   %+v\n", f.Ended)
		}
	}
	fmt.Println(k.Values(context.Background()))
}
