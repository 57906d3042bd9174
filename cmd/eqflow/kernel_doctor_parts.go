package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/internal/gocommand"
	"github.com/eqflow/gonb-eqflow/internal/scratch"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/serve"
	"github.com/eqflow/gonb-eqflow/xla"
)

func examineGo(ctx context.Context, p *patient) finding {
	if err := gonb.CheckGo(ctx, p.root); err != nil {
		return finding{"go", isOff, oneLine(err), "install Go from https://go.dev/dl, and put its bin folder into PATH"}
	}
	version, err := gonb.GoCommand(ctx, p.root, "env", "GOVERSION")
	if err != nil {
		return finding{"go", isOff, oneLine(err), "install Go again, from https://go.dev/dl"}
	}
	where, _ := exec.LookPath("go")
	return fine("go", "%s, %s", version, where)
}

// examineCgo looks for the C compiler that the go command would run.
func examineCgo(ctx context.Context, p *patient) finding {
	compiler, err := gonb.GoCommand(ctx, p.root, "env", "CC")
	if words := strings.Fields(compiler); err == nil && len(words) > 0 {
		compiler = words[0]
	}
	path, err := exec.LookPath(compiler)
	if err != nil {
		says := fmt.Sprintf("there is no C compiler %q: no XLA, and no value lives between cells", compiler)
		return finding{"cgo", isOff, says, "apt-get install gcc, or set CC to a C compiler (go env -w CC=…)"}
	}
	return fine("cgo", "by %s", path)
}

// examineFlags reports the flags of GOFLAGS that eqflow does not pass on.
func examineFlags(context.Context, *patient) finding {
	flags := gocommand.Setting(os.Environ(), "GOFLAGS")
	if ignored := gocommand.Ignored(flags); len(ignored) > 0 {
		return finding{"GOFLAGS", isNote, fmt.Sprintf("cells and builds ignore %s", strings.Join(ignored, " ")),
			"unset GOFLAGS, and go env -u GOFLAGS"}
	}
	return fine("GOFLAGS", "%s", flags)
}

// examineWorkspace reports a go.work, which cells do not use.
func examineWorkspace(ctx context.Context, _ *patient) finding {
	command := exec.CommandContext(ctx, "go", "env", "GOWORK")
	text, err := command.Output()
	if file := strings.TrimSpace(string(text)); err == nil && file != "" && file != "off" {
		return finding{"GOWORK", isNote, fmt.Sprintf("cells ignore %s, and see no module that it adds", file),
			"export GOWORK=off, or in a cell: !*go get MODULE"}
	}
	return fine("GOWORK", "")
}

// examineTemporary tries TMPDIR as the kernel does.
func examineTemporary(context.Context, *patient) finding {
	folder, note, err := scratch.Make(gonb.Temporary)
	if err != nil {
		return finding{"TMPDIR", isOff, oneLine(err), "export TMPDIR=" + filepath.Join("/", "tmp")}
	}
	defer os.RemoveAll(folder)
	if note != "" {
		return finding{"TMPDIR", isNote, note, "export TMPDIR=" + filepath.Dir(folder)}
	}
	return fine("TMPDIR", "%s", filepath.Dir(folder))
}

// An installation writes about a gigabyte, and the compiler needs room beside it.
const (
	enoughRoom = 4_000_000_000
	littleRoom = 1_000_000_000
)

// examineDisk looks for room in the user's cache, in Go's build cache and in TMPDIR.
func examineDisk(ctx context.Context, p *patient) finding {
	least, at := uint64(1<<63), ""
	folders := []string{os.TempDir()}
	if cache, err := os.UserCacheDir(); err == nil {
		folders = append(folders, cache)
	}
	if cache, err := gonb.GoCommand(ctx, p.root, "env", "GOCACHE"); err == nil {
		folders = append(folders, cache)
	}
	for _, folder := range folders {
		if free, known := scratch.Free(folder); known && free < least {
			least, at = free, folder
		}
	}
	f := fine("disk", "%.1f GB are free in %s", float64(least)/1e9, at)
	switch {
	case at == "":
		f.Says = "the free space is unknown on this system"
	case least < littleRoom:
		f.State, f.Mend = isOff, "go clean -cache, and in a cell: %eqflow clean --yes"
	case least < enoughRoom:
		f.State, f.Mend = isNote, "go clean -cache, and in a cell: %eqflow clean --yes"
	}
	return f
}

func examineXLA(context.Context, *patient) finding {
	const mend = "eqflow xla install"
	opened, err := xla.Open(xla.Auto)
	if err != nil {
		return finding{"XLA", isOff, oneLine(err), mend}
	}
	defer opened.Close()
	if !opened.IsXLA() {
		says := "none; the Go backend computes, slower by an order of magnitude: " + opened.String()
		return finding{"XLA", isOff, says, mend}
	}
	return fine("XLA", "%s", opened)
}

func examineKernel(ctx context.Context, p *patient) finding {
	mend := "eqflow kernel install"
	if p.where.prefix != "" {
		mend += " --prefix " + p.where.prefix
	}
	found, err := findKernels(ctx, p.where)
	if err != nil {
		return finding{"kernel", isOff, oneLine(err), mend}
	}
	if len(found) == 0 {
		return finding{"kernel", isOff, "none is installed", mend}
	}
	var folders []string
	for _, k := range found {
		if len(k.Broken) > 0 {
			return finding{"kernel", isOff, k.Folder + ": " + strings.Join(k.Broken, "; "), mend}
		}
		folders = append(folders, k.Folder)
	}
	p.kernels = found
	return fine("kernel", "%s", strings.Join(folders, ", "))
}

// examineCell runs a cell in every kernel that examineKernel has found.
func examineCell(ctx context.Context, p *patient) finding {
	const part = "a cell"
	if len(p.kernels) == 0 {
		return finding{part, isOff, "not tried, since there is no kernel to try", ""}
	}
	var took []string
	for _, k := range p.kernels {
		t, err := serve.Trial(ctx, k)
		if err != nil {
			mend := "eqflow kernel install"
			if errors.Is(err, context.DeadlineExceeded) {
				mend += ", while no other program uses the processor"
			}
			return finding{part, isOff, fmt.Sprintf("%s: %s", k.Folder, oneLine(err)), mend}
		}
		took = append(took, t.Round(100*time.Millisecond).String())
	}
	return fine(part, "runs %s after the kernel's start", strings.Join(took, ", "))
}

func examineGopls(context.Context, *patient) finding {
	path := gonb.FindGopls()
	if path == "" {
		const mend = "go install golang.org/x/tools/gopls@latest"
		return finding{"gopls", isNote, "none, so cells do not complete Go", mend}
	}
	return fine("gopls", "%s", path)
}
