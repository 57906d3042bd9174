//go:build chroot

package docker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/buildkit/solver/pb"
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/opencontainers/go-digest"
	fscopy "github.com/tonistiigi/fsutil/copy"
)

// image is a root folder in which a target is built without an engine.
type image struct {
	root    string
	sources map[string]string // folders that COPY reads, by the digests of their sources in BuildKit
	head    string            // digest of the last executed instruction
}

// TestCPUTargetBuilds executes every instruction of the cpu target, as BuildKit translates it, in a
// clean Debian, and runs the result. It needs root, debootstrap and a network for apt, pip and go,
// and takes about twenty minutes.
func TestCPUTargetBuilds(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("a chroot needs root; run this test as root, on a machine that it may change")
	}
	ctx := t.Context()
	f := clone(t)
	arguments := map[string]string{}
	for _, name := range []string{"GOPROXY", "PIP_INDEX_URL"} {
		if value, given := os.LookupEnv(name); given {
			arguments[name] = value
		}
	}
	result, _, err := translate(ctx, f.Dockerfile, TargetCPU, arguments)
	if err != nil {
		t.Fatal(err)
	}
	definition, err := result.State.Marshal(ctx)
	if err != nil {
		t.Fatal(err)
	}
	i := image{root: filepath.Join(t.TempDir(), "root"), sources: map[string]string{}}
	for _, step := range definition.Def {
		if err := i.apply(ctx, f, step); err != nil {
			t.Fatal(err)
		}
	}
	i.serve(t, result.Image.Config)
}

// logStep prints a step at once, and its duration when the returned function is called: a test of
// many minutes must show its progress.
func logStep(format string, args ...any) func() {
	fmt.Fprintf(os.Stderr, format, args...)
	began := time.Now()
	return func() { fmt.Fprintf(os.Stderr, ": %s\n", time.Since(began).Round(time.Second)) }
}

// apply executes one instruction. The target is a chain: each instruction continues from the image
// of the previous one.
func (i *image) apply(ctx context.Context, f Files, step []byte) error {
	var op pb.Op
	if err := op.UnmarshalVT(step); err != nil {
		return err
	}
	own := digest.FromBytes(step).String()
	if source := op.GetSource(); source != nil {
		return i.fetch(ctx, f, own, source.Identifier)
	}
	if len(op.Inputs) == 0 || op.Inputs[0].Digest != i.head {
		return errors.New("an instruction does not continue from the previous one")
	}
	i.head = own
	if run := op.GetExec(); run != nil {
		defer logStep("RUN %s", run.Meta.Args[len(run.Meta.Args)-1])()
		return runCommand(i.command(ctx, run.Meta.User, run.Meta.Cwd, run.Meta.Env, run.Meta.Args...))
	}
	for _, action := range op.GetFile().GetActions() {
		if err := i.change(ctx, action, op.Inputs); err != nil {
			return err
		}
	}
	return nil
}

// fetch creates the folder of a source. The first base becomes the image.
func (i *image) fetch(ctx context.Context, f Files, own, identifier string) (err error) {
	defer logStep("%s", identifier)()
	switch {
	case strings.HasPrefix(identifier, "docker-image://docker.io/library/debian:12"):
		i.head = own
		return debian(ctx, i.root)
	case strings.HasPrefix(identifier, "docker-image://docker.io/library/golang:"):
		i.sources[own], err = golang(ctx, f, filepath.Join(filepath.Dir(i.root), "golang"))
	case identifier == "local://context":
		i.sources[own] = filepath.Join(filepath.Dir(i.root), "context")
		err = buildContext(ctx, i.sources[own])
	default:
		err = fmt.Errorf("this test has no stand-in for %s", identifier)
	}
	return err
}

// debian creates a minimal Debian. It reaches the packages as this machine does: by its mirror,
// proxy, host names and certificates.
func debian(ctx context.Context, root string) error {
	const sources = "/etc/apt/sources.list.d/debian.sources"
	text, err := os.ReadFile(sources)
	if err != nil {
		return err
	}
	mirror := regexp.MustCompile(`(?m)^URIs: (\S+)`).FindSubmatch(text)
	if mirror == nil {
		return fmt.Errorf("%s names no mirror", sources)
	}
	bootstrap := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "bookworm", root, string(mirror[1]))
	if err := runCommand(bootstrap); err != nil {
		return err
	}
	dump := exec.CommandContext(ctx, "apt-config", "dump", "Acquire::http::Proxy", "Acquire::https::Proxy")
	proxy, err := dump.Output()
	if err != nil {
		return err
	}
	err = errors.Join(
		os.WriteFile(filepath.Join(root, "etc/apt/apt.conf.d/99proxy"), proxy, 0o644),
		os.Remove(filepath.Join(root, "etc/apt/sources.list")),
	)
	for _, path := range []string{
		sources, "/etc/apt/auth.conf.d", "/etc/resolv.conf", "/etc/hosts", "/usr/local/share/ca-certificates",
	} {
		err = errors.Join(err, fscopy.Copy(ctx, "/", path, root, path, contents))
	}
	return err
}

// contents lets the copier copy a folder's contents and follow links.
func contents(c *fscopy.CopyInfo) { c.CopyDirContents, c.FollowLinks = true, true }

// golang puts the toolchain from the module proxy at /usr/local/go, where the golang image has it.
func golang(ctx context.Context, f Files, root string) (string, error) {
	declared, err := f.pins()
	if err != nil {
		return "", err
	}
	command := exec.CommandContext(ctx, "go", "env", "GOROOT")
	command.Env = append(os.Environ(), "GOTOOLCHAIN=go"+declared.golang)
	goroot, err := command.Output()
	if err != nil {
		return "", err
	}
	return root, fscopy.Copy(ctx, "/", strings.TrimSpace(string(goroot)), root, "/usr/local/go", contents)
}

// buildContext copies the clone without the paths that the ignore file names.
func buildContext(ctx context.Context, to string) error {
	ignored, err := os.Open("Dockerfile.dockerignore")
	if err != nil {
		return err
	}
	defer ignored.Close()
	patterns, err := ignorefile.ReadAll(ignored)
	if err != nil {
		return err
	}
	clone, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	return fscopy.Copy(ctx, clone, "/", to, "/", contents, func(c *fscopy.CopyInfo) { c.ExcludePatterns = patterns })
}

// change executes COPY and WORKDIR with BuildKit's own copier.
func (i *image) change(ctx context.Context, action *pb.FileAction, inputs []*pb.Input) error {
	if m := action.GetMkdir(); m != nil {
		path := filepath.Join(i.root, m.Path)
		owner, group := id(m.Owner.GetUser()), id(m.Owner.GetGroup())
		return errors.Join(os.MkdirAll(path, os.FileMode(m.Mode)), os.Chown(path, owner, group))
	}
	c := action.GetCopy()
	if c == nil {
		return fmt.Errorf("this test cannot execute an action of type %T", action.Action)
	}
	defer logStep("COPY %s %s", c.Src, c.Dest)()
	return fscopy.Copy(ctx, i.sources[inputs[action.SecondaryInput].Digest], c.Src, i.root, c.Dest,
		fscopy.WithChown(id(c.Owner.GetUser()), id(c.Owner.GetGroup())), func(info *fscopy.CopyInfo) {
			info.CopyDirContents, info.FollowLinks = c.DirCopyContents, c.FollowSymlink
			info.AllowWildcards = c.AllowWildcard
		})
}

// id returns the number of a user or group, root's number if there is none.
func id(u *pb.UserOpt) int { return int(u.GetByID()) }

// command prepares a command in the image. It runs in a process namespace of its own, which ends
// with its first process.
func (i *image) command(ctx context.Context, user, folder string, env []string, args ...string) *exec.Cmd {
	options := []string{
		"--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--root=" + i.root, "--wd=" + folder,
	}
	if uid, gid, given := strings.Cut(user, ":"); given {
		options = append(options, "--setuid="+uid, "--setgid="+gid)
	}
	command := exec.CommandContext(ctx, "unshare", append(append(options, "--"), args...)...)
	command.Env = slices.Clone(env)
	// Engines pass these variables to every build.
	for _, name := range []string{"http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"} {
		if value, given := os.LookupEnv(name); given {
			command.Env = append(command.Env, name+"="+value)
		}
	}
	return command
}

// runCommand runs a command. Its error contains the last 30 lines of the command's output.
func runCommand(command *exec.Cmd) error {
	text, err := command.CombinedOutput()
	if err != nil {
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		return fmt.Errorf("%w:\n%s", err, strings.Join(lines[max(0, len(lines)-30):], "\n"))
	}
	return nil
}

// serve starts the image as an engine does, waits until it is healthy, runs the first cells, and
// stops the image.
func (i *image) serve(t *testing.T, c dockerspec.DockerOCIImageConfig) {
	port := freePort(t)
	const token = "of-the-test"
	// The image must contain everything that it needs, so downloads are switched off.
	env := append(slices.Clone(c.Env), "JUPYTER_PORT="+port, "JUPYTER_TOKEN="+token, "GOPROXY=off", "PIP_NO_INDEX=1")
	server := i.command(t.Context(), c.User, c.WorkingDir, env, append(slices.Clone(c.Entrypoint), c.Cmd...)...)
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	healthy := func() error {
		return runCommand(i.command(t.Context(), c.User, c.WorkingDir, env, c.Healthcheck.Test[1:]...))
	}
	done := logStep("healthy")
	for healthy() != nil {
		select {
		case err := <-ended:
			t.Fatalf("the server ended: %v\n%s", err, &log)
		case <-time.After(time.Second):
		}
	}
	done()
	shown, err := i.cells(t, c, env, "http://127.0.0.1:"+port, token)
	fmt.Fprintln(os.Stderr, shown)
	if err != nil || !strings.Contains(shown, "computes with cpu") {
		t.Errorf("the cells fail: %v", err)
	}
	i.stop(t, server, ended)
}

// cells runs the first cell of the first notebook that start.sh has copied, and a cell that opens
// XLA.
func (i *image) cells(
	t *testing.T, c dockerspec.DockerOCIImageConfig, env []string, url, token string,
) (string, error) {
	script, err := os.ReadFile("testdata/cells.py")
	if err != nil {
		return "", err
	}
	first, err := firstCell(filepath.Join(i.root, c.WorkingDir, "01-symmetry.ipynb"))
	if err != nil {
		return "", err
	}
	const openXLA = "%%\nopened, err := xla.Open(xla.Auto)\nif err != nil {\n\tpanic(err)\n}\n" +
		"fmt.Println(\"computes with\", opened.Kind)"
	input, err := json.Marshal([]string{first, openXLA, "%eqflow backend"})
	if err != nil {
		return "", err
	}
	command := i.command(t.Context(), c.User, c.WorkingDir, env, "python3", "-c", string(script), url, token)
	command.Stdin = bytes.NewReader(input)
	shown, err := command.CombinedOutput()
	return string(shown), err
}

// firstCell returns the code of a notebook's first code cell.
func firstCell(path string) (string, error) {
	var notebook struct {
		Cells []struct {
			Kind   string   `json:"cell_type"`
			Source []string `json:"source"`
		} `json:"cells"`
	}
	text, err := os.ReadFile(path)
	if err := errors.Join(err, json.Unmarshal(text, &notebook)); err != nil {
		return "", err
	}
	for _, cell := range notebook.Cells {
		if cell.Kind == "code" {
			return strings.Join(cell.Source, ""), nil
		}
	}
	return "", fmt.Errorf("%s has no code cell", path)
}

// stop asks the first process to end, as engines do, and fails the test if it does not end soon.
func (i *image) stop(t *testing.T, server *exec.Cmd, ended chan error) {
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", server.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	defer logStep("stopped")()
	if err := exec.Command("kill", "-TERM", strings.TrimSpace(string(children))).Run(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second): // then engines kill the process
		t.Error("the server still runs after SIGTERM")
	}
}

func freePort(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
