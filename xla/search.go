package xla

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// plugin is the file of a PJRT plugin, and where its path comes from.
type plugin struct {
	path, source string
}

// place is a file or a glob pattern where plugins of any kind may lie.
type place struct {
	pattern, source string
}

// search returns the plugins of a kind, preferred ones first, and the places that it searched.
func search(kind string) (plugins []plugin, searched []string) {
	seen := map[string]bool{}
	for _, p := range places(kind) {
		searched = append(searched, p.pattern)
		for _, path := range matches(p.pattern) {
			if kindOf(path) != kind && p.source != envOf(kind) {
				continue
			}
			resolved, err := filepath.EvalSymlinks(path)
			if err != nil || seen[resolved] {
				continue
			}
			seen[resolved] = true
			plugins = append(plugins, plugin{path: path, source: p.source})
		}
	}
	return plugins, searched
}

// places lists where plugins may lie: at the paths in the environment, in our own folder, in the
// folders of go-xla's installer and of its predecessor gopjrt, on the linker's search path, and
// among Python's packages.
func places(kind string) []place {
	var out []place
	add := func(source string, parts ...string) {
		if parts[0] != "" {
			out = append(out, place{filepath.Join(parts...), source})
		}
	}
	add(envOf(kind), os.Getenv(envOf(kind)))
	for _, dir := range filepath.SplitList(os.Getenv(EnvPluginFolders)) {
		add(EnvPluginFolders, dir, "*")
	}
	if dir, err := Folder(); err == nil {
		add("installed by eqflow", dir, "*", "*", "*", "*")
	}
	for _, dir := range goXLAFolders() {
		add("go-xla's folder", dir, "*")
	}
	for _, dir := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		add("LD_LIBRARY_PATH", dir, "*")
	}
	for _, dir := range sitePackages() {
		add("Python", dir, "xla_plugins", "*", "*")
		add("Python", dir, "jax_plugins", "*", "*")
	}
	return out
}

// Folder returns the folder into which Install puts plugins: eqflow/pjrt in the user's cache
// folder.
func Folder() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "eqflow", "pjrt"), nil
}

// goXLAFolders lists the search paths of go-xla's package pjrt and the targets of its installer.
func goXLAFolders() []string {
	var roots []string
	if home, err := os.UserHomeDir(); err == nil {
		switch runtime.GOOS {
		case "darwin":
			roots = append(roots, filepath.Join(home, "Library", "Application Support"))
		case "windows":
			roots = append(roots, filepath.Join(home, "AppData", "Local"))
		}
		roots = append(roots, filepath.Join(home, ".local", "lib"))
	}
	roots = append(roots, "/usr/local/lib")
	var out []string
	for _, root := range roots {
		out = append(out, filepath.Join(root, "go-xla"), filepath.Join(root, "go-xla", "nvidia"),
			filepath.Join(root, "gomlx", "pjrt"))
	}
	return out
}

// sitePackages lists patterns of the folders into which pip installs packages. It does not ask
// Python, which takes long to start.
func sitePackages() []string {
	var out []string
	for _, name := range []string{"VIRTUAL_ENV", "CONDA_PREFIX"} {
		if dir := os.Getenv(name); dir != "" {
			out = append(out, filepath.Join(dir, "lib", "python3*", "site-packages"))
		}
	}
	if home, err := os.UserHomeDir(); err == nil {
		out = append(out, filepath.Join(home, ".local", "lib", "python3*", "site-packages"))
	}
	return append(out, "/usr/local/lib/python3*/*-packages", "/usr/lib/python3*/*-packages")
}

// matches lists the libraries that match a pattern, newest first. It skips unfinished
// installations.
func matches(pattern string) []string {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	modified := map[string]int64{}
	paths = slices.DeleteFunc(paths, func(path string) bool {
		info, err := os.Stat(path)
		if err != nil || info.IsDir() || !isLibrary(path) || isPartial(path) {
			return true
		}
		modified[path] = info.ModTime().UnixNano()
		return false
	})
	slices.SortStableFunc(paths, func(a, b string) int { return int(min(max(modified[b]-modified[a], -1), 1)) })
	return paths
}

// isLibrary reports whether a file name ends as a shared library's does.
func isLibrary(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".so", ".dylib", ".dll":
		return true
	}
	return false
}

// kindOf returns the kind of a plugin by its file name, "" for a library that is not a plugin of
// ours.
func kindOf(path string) string {
	name := strings.ToLower(filepath.Base(path))
	if !isLibrary(name) || !strings.Contains(name, "pjrt") && !strings.Contains(name, "xla_cuda") {
		return ""
	}
	switch {
	case strings.Contains(name, "cuda"), strings.Contains(name, "gpu"):
		return CUDA
	case strings.Contains(name, "cpu"):
		return CPU
	}
	return ""
}

// envOf returns the environment variable that holds the path of a kind's plugin.
func envOf(kind string) string {
	if kind == CUDA {
		return EnvCUDA
	}
	return EnvCPU
}
