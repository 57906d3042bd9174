package xla_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/xla"
	"github.com/eqflow/gonb-eqflow/xla/xlatest"
)

// isolate hides this machine's plugins and settings from the test, and returns an empty cache
// folder.
func isolate(t *testing.T) (cache string) {
	t.Helper()
	cache = t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("CUDA_VISIBLE_DEVICES", "-1")
	for _, name := range []string{
		xla.EnvBackend, xla.EnvCPU, xla.EnvCUDA, xla.EnvPluginFolders,
		"GOMLX_BACKEND", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX",
	} {
		t.Setenv(name, "")
	}
	if slices.ContainsFunc(xla.Probe(), func(c xla.Candidate) bool { return c.Path != "" }) {
		t.Skip("this machine has plugins in its system folders, which the test cannot hide")
	}
	return cache
}

// product computes [[1 2][3 4]]², whose first row is 7 10.
func product(t *testing.T, o *xla.Opened) {
	t.Helper()
	square := func(x *graph.Node) *graph.Node { return graph.MatMul(x, x) }
	got, err := graph.CallOnce(o.Backend, square, [][]float32{{1, 2}, {3, 4}})
	if err != nil {
		t.Fatalf("%s does not compute: %v", o, err)
	}
	if row := got.Value().([][]float32)[0]; !slices.Equal(row, []float32{7, 10}) {
		t.Errorf("%s: first row %v, want [7 10]", o, row)
	}
}

func TestOpenGo(t *testing.T) {
	for _, spec := range []string{"go", " GO "} {
		o, err := xla.Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		product(t, o)
		if o.Kind != xla.Go || o.IsXLA() || o.SupportsLoops() || o.Plugin != "" || o.Why == "" {
			t.Errorf("Open(%q) = %+v", spec, o)
		}
		o.Close()
		o.Close()
	}
}

func TestAutoFallsBackAndSaysWhy(t *testing.T) {
	isolate(t)
	for _, spec := range []string{"", "auto"} {
		o, err := xla.Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		product(t, o)
		explained := strings.Contains(o.Why, "no CUDA (") && strings.Contains(o.Why, "no XLA CPU (") ||
			strings.Contains(o.Why, "no cgo")
		if o.Kind != xla.Go || !explained {
			t.Errorf("Open(%q) chose %s", spec, o)
		}
		o.Close()
	}
}

func TestMissingBackendIsAnError(t *testing.T) {
	cache := isolate(t)
	o, err := xla.Open("cpu")
	if err == nil || o != nil {
		t.Fatalf("Open(cpu) = %v, %v without a plugin", o, err)
	}
	for _, part := range []string{
		"xla: no XLA CPU backend", filepath.Join(cache, "eqflow", "pjrt"), ".local/lib/go-xla",
		"eqflow xla install cpu",
	} {
		if !strings.Contains(err.Error(), part) && !strings.Contains(err.Error(), "no cgo") {
			t.Errorf("the error does not name %q: %v", part, err)
		}
	}
	if _, err := xla.Open("cuda"); err == nil || !strings.Contains(err.Error(), "xla: no CUDA backend") {
		t.Errorf("Open(cuda) without a device: %v", err)
	}
}

func TestInvalidSpecs(t *testing.T) {
	for _, spec := range []string{
		"tpu", "xla:nonsense", "cpu,go", "💥",
		"/no/such/plugin.so", "no/such", "x.so", t.TempDir(), strings.Repeat("x", 5000),
	} {
		o, err := xla.Open(spec)
		var wrong *xla.SpecError
		if o != nil || !errors.As(err, &wrong) || !strings.HasPrefix(err.Error(), "xla: ") {
			t.Errorf("Open(%.40q) = %v, %v, want a SpecError", spec, o, err)
		}
	}
}

// A file that is not a plugin must not reach the system's loader, which may crash on it.
func TestDamagedPlugins(t *testing.T) {
	dir := t.TempDir()
	cut := filepath.Join(dir, "pjrt_c_api_cpu_cut_plugin.so")
	program, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{
		cut:                            program[:len(program)/2],
		filepath.Join(dir, "text.so"):  []byte("not a library"),
		filepath.Join(dir, "empty.so"): nil,
		filepath.Join(dir, "pjrt_c_api_cpu_program_plugin.so"): program,
	}
	for path, content := range files {
		if err := os.WriteFile(path, content, 0o755); err != nil {
			t.Fatal(err)
		}
		if o, err := xla.Open(path); err == nil {
			t.Errorf("%s opened as %s", path, o)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("the error does not name %s: %v", path, err)
		}
	}
	isolate(t)
	t.Setenv(xla.EnvCPU, cut)
	o, err := xla.Open("auto")
	if err != nil || o.Kind != xla.Go {
		t.Fatalf("a damaged plugin was not skipped: %v, %v", o, err)
	}
	defer o.Close()
}

func TestEnvironmentReplacesAuto(t *testing.T) {
	isolate(t)
	for name, value := range map[string]string{xla.EnvBackend: "go", "GOMLX_BACKEND": "go"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			o, err := xla.Open("auto")
			if err != nil || !strings.Contains(o.Why, name) {
				t.Fatalf("%v, %v: the reason should name %s", o, err, name)
			}
			o.Close()
		})
	}
	t.Setenv(xla.EnvBackend, "nonsense")
	if _, err := xla.Open(""); err == nil || !strings.Contains(err.Error(), xla.EnvBackend) {
		t.Errorf("a wrong %s gives %v", xla.EnvBackend, err)
	}
}

// Open finds a plugin by its variable, in a plugin folder, in a Python environment, in our own
// folder and by its path.
func TestPluginsAreFound(t *testing.T) {
	plugin := xlatest.Open(t).Plugin
	cache := isolate(t)
	link := func(t *testing.T, path string) string {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(plugin, path)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	expect := func(t *testing.T, spec, path string) {
		t.Helper()
		o, err := xla.Open(spec)
		if err != nil {
			t.Fatal(err)
		}
		defer o.Close()
		product(t, o)
		if o.Plugin != path || o.Kind != xla.CPU || !o.SupportsLoops() || !strings.HasPrefix(o.Version, "0.") {
			t.Errorf("Open(%q) chose %s, want %s", spec, o, path)
		}
	}
	t.Run("variable", func(t *testing.T) {
		path := link(t, filepath.Join(t.TempDir(), "any.so"))
		t.Setenv(xla.EnvCPU, path)
		expect(t, "cpu", path)
	})
	t.Run("folder", func(t *testing.T) {
		path := link(t, filepath.Join(t.TempDir(), "pjrt_c_api_cpu_v0.1_plugin.so"))
		t.Setenv(xla.EnvPluginFolders, "/nowhere:"+filepath.Dir(path))
		expect(t, "auto", path)
	})
	t.Run("python", func(t *testing.T) {
		env := t.TempDir()
		t.Setenv("VIRTUAL_ENV", env)
		plugins := filepath.Join(env, "lib/python3.12/site-packages/xla_plugins")
		expect(t, "cpu", link(t, filepath.Join(plugins, "xla_cpu_pjrt/xla_cpu_pjrt.so")))
	})
	t.Run("path", func(t *testing.T) {
		path := link(t, filepath.Join(t.TempDir(), "xla_cpu_pjrt.so"))
		expect(t, path, path)
		expect(t, "xla:"+path, path)
	})
	t.Run("installed", func(t *testing.T) {
		link(t, filepath.Join(cache, "eqflow/pjrt/.partial-1/a/b/xla_cpu_pjrt.so"))
		expect(t, "cpu", link(t, filepath.Join(cache, "eqflow/pjrt/xla_cpu_pjrt-0.0.1/a/b/xla_cpu_pjrt.so")))
	})
}

// Two clients of one plugin are independent: both compute at once, and closing one does not affect
// the other.
func TestClientsAreIndependent(t *testing.T) {
	plugin := xlatest.Open(t).Plugin
	clients := make([]*xla.Opened, 2)
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			o, err := xla.Open(plugin)
			if err != nil {
				t.Error(err)
				return
			}
			clients[i] = o
			for range 3 {
				product(t, o)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	if clients[0].Backend == clients[1].Backend {
		t.Fatal("both calls gave the same backend")
	}
	clients[0].Close()
	product(t, clients[1])
	clients[1].Close()
}

// XLA CPU provides as many devices as are requested. A backend with too few says how many it has.
func TestOpenDevices(t *testing.T) {
	var wrong *xla.SpecError
	for _, devices := range []int{0, 2} {
		o, err := xla.OpenDevices("go", devices)
		if o != nil || !errors.As(err, &wrong) || !strings.Contains(err.Error(), "devices asked for") {
			t.Errorf("%d devices of the Go backend: %v, %v", devices, o, err)
		}
	}
	o, err := xla.OpenDevices(xlatest.Open(t).Plugin, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Close()
	if product(t, o); o.Backend.NumDevices() != 3 || !strings.Contains(o.String(), "3 devices") {
		t.Errorf("%d devices: %s", o.Backend.NumDevices(), o)
	}
}

func TestProbe(t *testing.T) {
	isolate(t)
	candidates := xla.Probe()
	kinds := []string{}
	for _, c := range candidates {
		kinds = append(kinds, c.Kind)
		if c.Usable != (c.Why == "") || c.Usable != (len(c.Devices) > 0) {
			t.Errorf("usable or not? %+v", c)
		}
	}
	if !slices.Equal(kinds, []string{xla.CUDA, xla.CPU, xla.Go}) {
		t.Errorf("kinds %v", kinds)
	}
	if text, err := json.Marshal(candidates); err != nil || strings.Contains(string(text), "null") {
		t.Errorf("JSON %s, %v", text, err)
	}
}

// On a machine without a device, Probe lists a CUDA plugin and does not load it.
func TestCUDAPluginWithoutDevice(t *testing.T) {
	isolate(t)
	path := filepath.Join(t.TempDir(), "pjrt_c_api_cuda_plugin.so")
	if err := os.WriteFile(path, []byte("would not load"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv(xla.EnvPluginFolders, filepath.Dir(path))
	c := xla.Probe()[0]
	if c.Path != path || c.Usable || c.Source != xla.EnvPluginFolders || c.Why == "" {
		t.Errorf("%+v", c)
	}
	if _, err := xla.Open(path); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("Open(%s): %v", path, err)
	}
}
