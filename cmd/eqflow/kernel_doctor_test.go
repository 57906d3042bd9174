package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// bare gives this process an empty home folder and no Python environment, so that no kernel is
// installed. Go's folders stay as they are.
func bare(t *testing.T) {
	t.Helper()
	t.Setenv("JUPYTER_DATA_DIR", t.TempDir())
	t.Setenv("VIRTUAL_ENV", t.TempDir())
}

// examined runs the doctor and returns its findings by part.
func examined(t *testing.T, args ...string) (code int, found map[string]finding) {
	t.Helper()
	code, stdout, stderr := runCaptured(append([]string{"kernel", "doctor", "--json"}, args...)...)
	var all []finding
	if err := json.Unmarshal([]byte(stdout), &all); err != nil {
		t.Fatalf("%v: %s%s", err, stdout, stderr)
	}
	found = map[string]finding{}
	for _, f := range all {
		found[f.Part] = f
	}
	return code, found
}

// The doctor names what is off with the command that mends it, and its exit code says so.
func TestDoctorFindsWhatIsOff(t *testing.T) {
	bare(t)
	workspace := filepath.Join(t.TempDir(), "go.work")
	if err := os.WriteFile(workspace, []byte("go 1.26\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOFLAGS", "-mod=vendor -p=2 -buildvcs=false")
	t.Setenv("GOWORK", workspace)
	t.Setenv("CC", "no-such-compiler")
	t.Setenv("TMPDIR", "/proc/none")
	code, found := examined(t)
	if code != exitFailed {
		t.Errorf("exit code %d", code)
	}
	for part, want := range map[string]finding{
		"go":      {State: isOK, Says: "go1."},
		"cgo":     {State: isOff, Says: `"no-such-compiler"`, Mend: "apt-get install gcc"},
		"GOFLAGS": {State: isNote, Says: "ignore -mod=vendor", Mend: "unset GOFLAGS"},
		"GOWORK":  {State: isNote, Says: workspace, Mend: "export GOWORK=off"},
		"TMPDIR":  {State: isNote, Says: "/proc/none", Mend: "export TMPDIR="},
		"kernel":  {State: isOff, Says: "none is installed", Mend: "eqflow kernel install"},
		"a cell":  {State: isOff, Says: "no kernel to try"},
	} {
		got := found[part]
		if got.State != want.State || !strings.Contains(got.Says, want.Says) ||
			!strings.HasPrefix(got.Mend, want.Mend) {
			t.Errorf("%s: %+v, want %+v", part, got, want)
		}
	}
	if f := found["GOFLAGS"]; strings.Contains(f.Says, "-p=2") || strings.Contains(f.Says, "buildvcs") {
		t.Errorf("flags that are kept are called ignored: %s", f.Says)
	}
}

// Without a go command everything else is examined too.
func TestDoctorWithoutGo(t *testing.T) {
	bare(t)
	t.Setenv("PATH", t.TempDir())
	code, found := examined(t)
	if f := found["go"]; code != exitFailed || f.State != isOff || !strings.Contains(f.Mend, "https://go.dev/dl") {
		t.Errorf("code %d, %+v", code, f)
	}
	if len(found) != len(examinations) {
		t.Errorf("%d of %d parts are examined", len(found), len(examinations))
	}
}

// The text has each command below what it mends, and the number of the parts that are off.
func TestDoctorsText(t *testing.T) {
	var out strings.Builder
	err := report(&out, []finding{fine("go", "go1.26"), {"XLA", isOff, "none", "eqflow xla install"}}, false)
	if want := "ok   go   go1.26\nOFF  XLA  none\n          → eqflow xla install\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	if err == nil || !strings.HasPrefix(err.Error(), "1 of 2 parts are off") {
		t.Errorf("the error is %v", err)
	}
	if err := report(&out, []finding{fine("go", "x"), {"gopls", isNote, "none", "go install"}}, false); err != nil {
		t.Errorf("a note is an error: %v", err)
	}
}
