package xla

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// smallWheel returns a wheel with a plugin of a few megabytes, and the file that pip would
// download.
func smallWheel(t *testing.T) (w wheel, file string) {
	t.Helper()
	library := bytes.Repeat([]byte("plugin!"), 700_000)
	var buffer bytes.Buffer
	archive := zip.NewWriter(&buffer)
	w = wheel{
		project: "small-pjrt", version: "1.0", platform: "any",
		library: "plugins/small/pjrt_cpu.so", librarySize: int64(len(library)),
	}
	contents := map[string][]byte{w.library: library, "plugins/small/include/header.h": []byte("unwanted")}
	for name, content := range contents {
		entry, err := archive.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	hash := sha256.Sum256(buffer.Bytes())
	w.sha256, w.size = hex.EncodeToString(hash[:]), int64(buffer.Len())
	file = filepath.Join(t.TempDir(), w.file())
	if err := os.WriteFile(file, buffer.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return w, file
}

// fakePip makes a script the python3 of a nearly empty PATH. In the script, $dest is the folder for
// pip's download.
func fakePip(t *testing.T, body string) {
	t.Helper()
	bin := t.TempDir()
	script := "#!/bin/sh\n[ \"$3\" = --version ] && exit 0\n" +
		"while [ $# -gt 0 ]; do [ \"$1\" = --dest ] && dest=$2; shift; done\n" + body + "\n"
	if err := os.WriteFile(filepath.Join(bin, "python3"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, tool := range []string{"cp", "mkdir", "sleep", "sh"} {
		if err := os.Symlink(filepath.Join("/bin", tool), filepath.Join(bin, tool)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", bin)
}

// checkEmpty fails the test if the folder holds anything but the lock.
func checkEmpty(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if entry.Name() != ".lock" {
			t.Errorf("left behind: %s", entry.Name())
		}
	}
}

func TestInstall(t *testing.T) {
	w, file := smallWheel(t)
	folder := filepath.Join(t.TempDir(), "made", "on", "demand")
	fakePip(t, "mkdir -p $dest && cp "+file+" $dest")
	last := map[string]int64{}
	progress := func(stage string, done, total int64) {
		if done < last[stage] || done > total {
			t.Errorf("%s: %d after %d of %d", stage, done, last[stage], total)
		}
		last[stage] = done
	}
	got, err := install(t.Context(), folder, w, InstallOptions{Progress: progress})
	if err != nil {
		t.Fatal(err)
	}
	if got.Already || got.Path != filepath.Join(folder, "small_pjrt-1.0", "plugins", "small", "pjrt_cpu.so") {
		t.Errorf("installed %+v", got)
	}
	if last["download"] != w.size || last["verify"] != w.size || last["unpack"] != w.librarySize {
		t.Errorf("progress ended at %v", last)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(got.Path), "include")); err == nil {
		t.Error("more than the plugin was unpacked")
	}
	fakePip(t, "exit 1") // nothing to download the second time
	again, err := install(t.Context(), folder, w, InstallOptions{})
	if err != nil || !again.Already || again.Path != got.Path {
		t.Errorf("the second time: %+v, %v", again, err)
	}
}

// Install replaces a truncated plugin and removes the remains of a killed installation.
func TestInstallReplacesPartialPlugins(t *testing.T) {
	w, file := smallWheel(t)
	folder := t.TempDir()
	leftover := filepath.Join(folder, partialPrefix+"123", "tree", "x.so")
	for _, path := range []string{leftover, w.installed(folder)} {
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("half"), 0o644))
		if err != nil {
			t.Fatal(err)
		}
	}
	got, err := install(t.Context(), folder, w, InstallOptions{Wheel: file})
	if err != nil || got.Already || !w.isInstalled(folder) {
		t.Fatalf("%+v, %v", got, err)
	}
	if partial, _ := filepath.Glob(filepath.Join(folder, partialPrefix+"*")); len(partial) > 0 {
		t.Errorf("left behind: %v", partial)
	}
}

func TestInstallFailures(t *testing.T) {
	const pipOffline = `echo "WARNING: Retrying after connection broken by 'NewConnectionError: no route'" >&2
echo "ERROR: Could not find a version that satisfies the requirement small-pjrt==1.0" >&2
echo "ERROR: No matching distribution found for small-pjrt==1.0" >&2
exit 1`
	for name, c := range map[string]struct{ body, want string }{
		"no network": {pipOffline, "no connection: Could not find a version"},
		"silent":     {"exit 3", "exit status 3"},
		"odd file":   {"mkdir -p $dest && echo x > $dest/other.whl", "pip downloaded something other"},
		"wrong hash": {
			"mkdir -p $dest && echo x > $dest/small_pjrt-1.0-py3-none-any.whl",
			"was not unpacked: its SHA-256",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := smallWheel(t)
			folder := t.TempDir()
			fakePip(t, c.body)
			_, err := install(t.Context(), folder, w, InstallOptions{})
			if err == nil || !strings.HasPrefix(err.Error(), "xla: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
			checkEmpty(t, folder)
		})
	}
}

func TestInstallWithoutPip(t *testing.T) {
	w, _ := smallWheel(t)
	const withoutPip = "#!/bin/sh\necho No module named pip >&2\nexit 1\n"
	for name, path := range map[string]string{"empty PATH": t.TempDir(), "python3 without pip": ""} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if fakePip(t, ""); path != "" {
				t.Setenv("PATH", path)
			} else {
				python := filepath.Join(os.Getenv("PATH"), "python3")
				if err := os.WriteFile(python, []byte(withoutPip), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			_, err := install(t.Context(), folder, w, InstallOptions{})
			if err == nil {
				t.Fatal("installed without pip")
			}
			for _, want := range []string{"pip is needed", "--wheel " + w.file()} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			checkEmpty(t, folder)
		})
	}
}

// A cancellation in any stage soon ends the installation, which leaves nothing behind.
func TestInstallCancelled(t *testing.T) {
	w, file := smallWheel(t)
	for _, at := range []string{"download", "verify", "unpack"} {
		t.Run(at, func(t *testing.T) {
			folder := t.TempDir()
			options := InstallOptions{Wheel: file}
			if at == "download" {
				options.Wheel = ""
				fakePip(t, "mkdir -p $dest; echo half > $dest/half; sleep 30 & wait")
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			options.Progress = func(stage string, done, _ int64) {
				if stage == at && done > 0 {
					cancel()
				}
			}
			start := time.Now()
			_, err := install(ctx, folder, w, options)
			if !errors.Is(err, context.Canceled) || time.Since(start) > 10*time.Second {
				t.Errorf("after %s: %v", time.Since(start), err)
			}
			checkEmpty(t, folder)
		})
	}
}

// Of many installations at once, one does the work and the others find its result.
func TestInstallConcurrently(t *testing.T) {
	w, file := smallWheel(t)
	folder := t.TempDir()
	results := make(chan error)
	const many = 4
	for range many {
		go func() {
			got, err := install(t.Context(), folder, w, InstallOptions{Wheel: file})
			if err == nil && !w.isInstalled(folder) {
				err = fmt.Errorf("%+v is not there", got)
			}
			results <- err
		}()
	}
	for range many {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestInstallWrongInput(t *testing.T) {
	w, _ := smallWheel(t)
	var wrong *SpecError
	if _, err := Install(t.Context(), "tpu", InstallOptions{}); !errors.As(err, &wrong) {
		t.Errorf("an unknown kind: %v", err)
	}
	for _, file := range []string{"/no/such.whl", os.Args[0], t.TempDir()} {
		folder := t.TempDir()
		if _, err := install(t.Context(), folder, w, InstallOptions{Wheel: file}); !errors.As(err, &wrong) {
			t.Errorf("the wheel %s: %v", file, err)
		}
		checkEmpty(t, folder)
	}
}

func TestInstallUnwritable(t *testing.T) {
	w, file := smallWheel(t)
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := install(t.Context(), filepath.Join(blocked, "x"), w, InstallOptions{Wheel: file})
	if err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Errorf("got %v", err)
	}
}

// The wheels of the table have the names that PyPI gives them.
func TestWheelNames(t *testing.T) {
	for kind, want := range map[string]string{
		InstallCPU:    "xla_cpu_pjrt-0.0.1-py3-none-manylinux_2_27_x86_64.whl",
		InstallCUDA12: "jax_cuda12_pjrt-0.10.1-py3-none-manylinux_2_27_x86_64.whl",
		InstallCUDA13: "jax_cuda13_pjrt-0.10.1-py3-none-manylinux_2_27_x86_64.whl",
	} {
		w := wheels[kind]
		if w.file() != want || len(w.sha256) != 64 {
			t.Errorf("%s: %s, %s", kind, w.file(), w.sha256)
		}
		if found := kindOf(w.library); found != strings.TrimRight(kind, "123") {
			t.Errorf("%s is taken for %q", w.library, found)
		}
	}
}
