//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64) || (windows && amd64))

package xla

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
	"github.com/gomlx/gomlx/core/graph"

	"github.com/eqflow/gonb-eqflow/internal/quiet"
)

const (
	builtWithCgo = true
	noCgo        = ""
)

// go-xla downloads plugins when it opens a backend. init switches that off, here and in the
// programs that this one starts.
func init() {
	quiet.Restore()
	xla.EnableAutoInstall(false)
	if err := os.Setenv(xla.NoAutoInstallEnv, "1"); err != nil {
		panic(fmt.Errorf("xla: cannot set %s: %w", xla.NoAutoInstallEnv, err))
	}
}

// openPlugin loads a plugin and opens a new client of it. For CUDA, a first computation has
// succeeded on the client.
func openPlugin(path, kind string, devices int) (*Opened, error) {
	if err := checkLibrary(path); err != nil {
		return nil, err
	}
	var o *Opened
	err := guard(func() (err error) {
		o, err = newClient(path, kind, devices)
		return err
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

func newClient(path, kind string, devices int) (*Opened, error) {
	// go-xla guesses from the path whether buffers are shared with the host, and a folder named
	// "cpu" may mislead it. So the option states it.
	config := path + ",shared_buffers"
	if kind != CPU {
		// By default go-xla computes products of float32 matrices on a device's TF32 units, which
		// keep 10 of 23 bits. Each product then has an error of 1e-3, and likelihoods look right
		// but are wrong.
		config = path + ",noshared_buffers,notf32"
		quietDriverCheck(path)
	}
	options := pjrt.NamedValuesMap{}
	if kind == CPU && devices > 1 {
		options["cpu_device_count"] = int64(devices)
	}
	backend, err := xla.NewWithOptions(config, options)
	if err != nil {
		return nil, err
	}
	loaded, err := pjrt.GetPlugin(path)
	if err != nil {
		backend.Finalize()
		return nil, err
	}
	major, minor := loaded.Version()
	o := &Opened{Backend: backend, Kind: kind, Plugin: path, Version: fmt.Sprintf("%d.%d", major, minor)}
	if err := o.check(); err != nil {
		o.Close()
		return nil, err
	}
	return o, nil
}

// check returns an error unless the client has a device of its kind. On CUDA it also computes a
// product, because the plugin opens without the libraries that it needs.
func (o *Opened) check() error {
	if o.Backend.NumDevices() < 1 {
		return errors.New("the plugin has no device")
	}
	device := strings.ToLower(o.Backend.DeviceDescription(0))
	if o.Kind == CPU && (strings.Contains(device, "cuda") || strings.Contains(device, "gpu")) {
		return errors.New("it computes on a GPU, but its file name does not say so; " +
			"link it as pjrt_c_api_cuda_plugin.so")
	}
	if o.Kind != CUDA {
		return nil
	}
	square := func(x *graph.Node) *graph.Node { return graph.MatMul(x, x) }
	_, err := graph.CallOnce(o.Backend, square, [][]float32{{1, 2}, {3, 4}})
	if err != nil {
		return fmt.Errorf("the first computation failed; are NVIDIA's libraries (cuBLAS, cuDNN) installed? %w", err)
	}
	return nil
}

// quietDriverCheck switches off go-xla's ten lines of warning about a folder "nvidia", which only
// go-xla's own installer makes.
func quietDriverCheck(path string) {
	const checks = "GOPJRT_CUDA_CHECKS"
	beside := filepath.Join(filepath.Dir(filepath.Dir(path)), "nvidia")
	if info, err := os.Stat(beside); err == nil && info.IsDir() || os.Getenv(checks) != "" {
		return
	}
	_ = os.Setenv(checks, "0") // on failure the warning appears, no more
}

// checkLibrary returns an error for a file on which the loader would print warnings or crash: a
// truncated file, or a file that is not a plugin.
func checkLibrary(path string) error {
	if strings.Contains(path, ",") {
		return errors.New("go-xla cannot open a path with a comma; move the plugin")
	}
	if runtime.GOOS != "linux" {
		return nil
	}
	return checkELF(path)
}

// deviceNames lists the devices of a backend as its plugin describes them.
func deviceNames(backend compute.Backend) []string {
	out := make([]string, backend.NumDevices())
	for i := range out {
		out[i] = backend.DeviceDescription(compute.DeviceNum(i))
	}
	return out
}
