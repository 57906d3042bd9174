package serve

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// installedAs writes a kernelspec whose program is a shell command. The command finds the test
// program as $0, and the connection file as $1.
func installedAs(t *testing.T, command string) Installed {
	t.Helper()
	folder := t.TempDir()
	text, err := json.Marshal(spec{Argv: []string{"sh", "-c", command, program, "{connection_file}"}})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "kernel.json"), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return Installed{Folder: folder}
}

// A trial runs a cell in a kernel as Jupyter starts it. A kernel that ends at once, and one whose
// cells fail, fail the trial with their own words.
func TestTrial(t *testing.T) {
	builtTools(t)
	child := `exec env ` + servedVariable + `="$1" "$0" -test.run='^TestChildServes$'`
	begun := time.Now()
	took, err := Trial(context.Background(), installedAs(t, child))
	if err != nil || took <= 0 {
		t.Errorf("a working kernel: %s, %v", took, err)
	}
	t.Log("a cell ran after", took, "and the kernel had ended after", time.Since(begun))
	_, err = Trial(context.Background(), installedAs(t, `export PATH=`+t.TempDir()+`; `+child))
	if err == nil {
		t.Error("a kernel without go passes")
	}
	if _, err = Trial(context.Background(), Installed{Folder: t.TempDir()}); err == nil ||
		!strings.Contains(err.Error(), "kernel install") {
		t.Errorf("without a kernelspec: %v", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	stop()
	if _, err := Trial(ctx, installedAs(t, "sleep 60")); err == nil {
		t.Error("a cancelled trial passes")
	}
}
