//go:build browser

package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/lab"
)

// desk is shared by all tests: a JupyterLab over copies of the notebooks, and a browser.
var desk struct {
	environment lab.Environment
	server      *lab.Server
	browser     context.Context
	notebooks   string // the folder that is served
	screenshots string
}

func TestMain(m *testing.M) {
	code, err := withDesk(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// withDesk prepares the desk, runs the tests and closes the desk.
func withDesk(run func() int) (int, error) {
	ctx := context.Background()
	root, err := gonb.FindRoot(".")
	if err != nil {
		return 1, err
	}
	out := filepath.Join(root, "out", "browser")
	desk.notebooks, desk.screenshots = filepath.Join(out, "notebooks"), filepath.Join(out, "screenshots")
	if err := fresh(filepath.Join(root, "notebooks"), desk.notebooks, desk.screenshots); err != nil {
		return 1, err
	}
	log, err := os.Create(filepath.Join(out, "lab.log"))
	if err != nil {
		return 1, err
	}
	defer log.Close()
	if desk.environment, err = prepare(ctx, root); err != nil {
		return 1, err
	}
	desk.server, err = desk.environment.Start(ctx, lab.Options{
		Folder: desk.notebooks, Env: []string{quick}, Log: log,
		Args: []string{"--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"},
	})
	if err != nil {
		return 1, err
	}
	defer desk.server.Close()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.WindowSize(1400, 1000))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium refuses root otherwise
	}
	allocator, stop := chromedp.NewExecAllocator(ctx, options...)
	defer stop()
	var closeBrowser context.CancelFunc
	desk.browser, closeBrowser = chromedp.NewContext(allocator)
	defer closeBrowser()
	if err := chromedp.Do(desk.browser); err != nil { // the tests' tabs belong to this browser
		return 1, fmt.Errorf("browser: Chromium does not start: %w; install it (Debian: apt-get install chromium)", err)
	}
	return run(), nil
}

// fresh copies the committed notebooks, commits the copies, and empties the folder of screenshots.
func fresh(from, to, screenshots string) error {
	for _, dir := range []string{to, screenshots} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if _, err := lab.CopyNotebooks(from, to); err != nil {
		return err
	}
	ignored := []byte(".ipynb_checkpoints/\n")
	if err := os.WriteFile(filepath.Join(to, ".gitignore"), ignored, 0o644); err != nil {
		return err
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"commit", "-qm", "as committed"}} {
		identity := []string{"-c", "user.name=test", "-c", "user.email=test@example.org"}
		if err := run(to, nil, "git", append(identity, args...)...); err != nil {
			return err
		}
	}
	return nil
}

// quick shortens the trainings of the notebooks.
const quick = "EQFLOW_QUICK=1"

// classic is the front end Notebook 7, at the version that belongs to the pinned JupyterLab.
const classic = "notebook==7.6.1"

// prepare makes a Python environment with JupyterLab, as "eqflow lab" does, and with Notebook 7. It
// installs the kernel there.
func prepare(ctx context.Context, root string) (lab.Environment, error) {
	cache, err := gonb.CacheFolder()
	if err != nil {
		return lab.Environment{}, err
	}
	report := func(text string) { fmt.Fprintln(os.Stderr, "browser:", text) }
	environment, err := lab.Prepare(ctx, filepath.Join(cache, "browser"), report)
	if err != nil {
		return environment, err
	}
	if _, err := os.Stat(environment.Jupyter() + "-notebook"); err != nil {
		report("installing Notebook 7")
		err := run(root, nil, filepath.Join(environment.Prefix, "bin", "python"), "-m", "pip", "install",
			"--quiet", "--disable-pip-version-check", classic)
		if err != nil {
			return environment, err
		}
	}
	report("installing the kernel")
	return environment, run(root, nil, "go", "run", "./cmd/eqflow", "kernel", "install", "--prefix", environment.Prefix)
}

// run runs a program in a folder, with further environment variables, and shows its output.
func run(folder string, env []string, program string, args ...string) error {
	command := exec.Command(program, args...)
	command.Dir, command.Env = folder, append(os.Environ(), env...)
	command.Stdout, command.Stderr = os.Stderr, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("browser: %s: %w", filepath.Base(program), err)
	}
	return nil
}
