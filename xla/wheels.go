package xla

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
)

// The kinds of plugin that Install installs.
const (
	InstallCPU    = "cpu"
	InstallCUDA12 = "cuda12"
	InstallCUDA13 = "cuda13"
)

// wheel is a Python package that contains a plugin, pinned to one file by its hash. The plugin does
// not need Python.
type wheel struct {
	kind             string // Install's name of it
	project, version string
	platform         string // pip's platform tag
	sha256           string
	size             int64  // bytes of the wheel, for the progress
	library          string // path of the plugin inside the wheel
	librarySize      int64  // bytes of the plugin; an installation of this size is complete
	note             string // what else the plugin needs
}

// wheels are the plugins that fit go-xla v0.4.2, whose pjrt_c_api.h has version 0.104. The CPU's
// plugin has PJRT 0.81; it is the only one on PyPI, and is tested here. CUDA's plugins have PJRT
// 0.108.
var wheels = map[string]wheel{
	InstallCPU: {
		kind: InstallCPU, project: "xla-cpu-pjrt", version: "0.0.1",
		platform: "manylinux_2_27_x86_64", size: 63_461_052,
		sha256:  "55837b6b7b47daa717f2d9a5a03563ea0ceaa338d06a81a1e2d3f060d960decc",
		library: "xla_plugins/xla_cpu_pjrt/xla_cpu_pjrt.so", librarySize: 259_284_552,
	},
	InstallCUDA12: {
		kind: InstallCUDA12, project: "jax-cuda12-pjrt", version: "0.10.1",
		platform: "manylinux_2_27_x86_64", size: 164_801_423,
		sha256:  "4c50a469f1b7c2fbba278d5b6932fe33de41f833b333cae28151422ec456857d",
		library: "jax_plugins/xla_cuda12/xla_cuda_plugin.so", librarySize: 463_213_664,
		note: nvidiaNote("cuda12"),
	},
	InstallCUDA13: {
		kind: InstallCUDA13, project: "jax-cuda13-pjrt", version: "0.10.1",
		platform: "manylinux_2_27_x86_64", size: 119_552_553,
		sha256:  "af8042c7697fb6faa0cc4851d4f5e0504878ea1f6b6fc067255f449016336a6f",
		library: "jax_plugins/xla_cuda13/xla_cuda_plugin.so", librarySize: 392_920_672,
		note: nvidiaNote("cuda13"),
	},
}

// nvidiaNote says what a CUDA plugin needs besides itself.
func nvidiaNote(kind string) string {
	return "the plugin needs NVIDIA's driver, and cuBLAS, cuDNN, cuFFT, … where the loader finds them; " +
		"pip installs the plugin and the libraries together, and eqflow finds them there: " +
		"python3 -m pip install \"jax-" + kind + "-plugin[with-cuda]==0.10.1\""
}

// wheelFor returns the pinned wheel of a kind. The error names the kinds that exist, or says that
// there is no wheel for this platform.
func wheelFor(kind string) (wheel, error) {
	w, found := wheels[kind]
	if !found {
		return wheel{}, &SpecError{fmt.Sprintf("xla: no plugin %q to install; use cpu, cuda12 or cuda13", kind)}
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return wheel{}, fmt.Errorf("xla: no plugin is pinned for %s/%s; use the backend \"go\", or build one from "+
			"github.com/openxla/xla and set %s to its path", runtime.GOOS, runtime.GOARCH, EnvCPU)
	}
	return w, nil
}

// stem begins the name of the wheel's file, and is the name of the folder that it is unpacked into.
func (w wheel) stem() string { return strings.ReplaceAll(w.project, "-", "_") + "-" + w.version }

// file returns the wheel's file name.
func (w wheel) file() string { return w.stem() + "-py3-none-" + w.platform + ".whl" }

// installed returns the path of the plugin below the folder of all plugins.
func (w wheel) installed(folder string) string {
	return filepath.Join(folder, w.stem(), filepath.FromSlash(w.library))
}
