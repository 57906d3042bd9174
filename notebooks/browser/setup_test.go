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

	"github.com/eqflow/gonb-eqflow/notebooks/kernel"
	"github.com/eqflow/gonb-eqflow/notebooks/lab"
)

// desk is what all tests share: a JupyterLab over copies of the notebooks, and a browser.
var desk struct {
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

// withDesk sets everything up, runs the tests and clears up.
func withDesk(run func() int) (int, error) {
	ctx := context.Background()
	root, err := kernel.FindRoot(".")
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
	if desk.server, err = startLab(ctx, root, log); err != nil {
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
	if err := chromedp.Do(desk.browser); err != nil { // the tests' tabs are this browser's
		return 1, fmt.Errorf("browser: Chromium does not start: %w; install it (Debian: apt-get install chromium)", err)
	}
	return run(), nil
}

// fresh copies the notebooks, as they are committed, and empties the folder of screenshots.
func fresh(from, to, screenshots string) error {
	for _, dir := range []string{to, screenshots} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	paths, err := filepath.Glob(filepath.Join(from, "*.ipynb"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, filepath.Base(path)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// startLab is what "eqflow lab" does, with a JupyterLab that lets scripts at its application.
func startLab(ctx context.Context, root string, log *os.File) (*lab.Server, error) {
	cache, err := kernel.CacheFolder()
	if err != nil {
		return nil, err
	}
	tell := func(text string) { fmt.Fprintln(os.Stderr, "browser:", text) }
	environment, err := lab.Prepare(ctx, filepath.Join(cache, "lab"), tell)
	if err != nil {
		return nil, err
	}
	tell("installing the kernel")
	install := exec.Command("go", "run", "./cmd/eqflow", "kernel", "install", "--prefix", environment.Prefix)
	install.Dir, install.Stdout, install.Stderr = root, os.Stderr, os.Stderr
	if err := install.Run(); err != nil {
		return nil, fmt.Errorf("browser: the kernel cannot be installed: %w", err)
	}
	return environment.Start(ctx, lab.Options{
		Folder: desk.notebooks, Env: []string{"EQFLOW_QUICK=1"}, Args: []string{"--LabApp.expose_app_in_browser=True"}, Log: log,
	})
}
