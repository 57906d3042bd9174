package lab

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/eqflow/gonb-eqflow/internal/guard"
)

// Server is a running JupyterLab that listens only on this machine.
type Server struct {
	Port    int
	Token   string
	process *guard.Process
}

// Options say what a server serves, and how.
type Options struct {
	Folder string   // of the notebooks
	Port   int      // 0 for any free port
	Env    []string // further variables, "NAME=value"
	Args   []string // further arguments of jupyter lab
	Hidden []string // the names of entries of Folder that the file browser leaves out
	Log    *os.File // receives the output
}

// envHides names the entries that the file browser leaves out, for jupyter_server_config.py.
const envHides = "EQFLOW_LAB_HIDES"

// startLimit is the time in which a server must answer. The first start compiles Python files.
const startLimit = 2 * time.Minute

// grace is the time that a server has to shut its kernels down.
const grace = 10 * time.Second

// Start runs JupyterLab and returns when it answers. Close ends it. The server and its kernels also
// end with this process, however this process ends. Ctrl-C reaches only this process.
func (e Environment) Start(ctx context.Context, o Options) (*Server, error) {
	port, err := freePort(o.Port)
	if err != nil {
		return nil, err
	}
	s := &Server{Port: port, Token: rand.Text()}
	arguments := append([]string{
		"lab", "--no-browser", "--ip=127.0.0.1", fmt.Sprintf("--port=%d", port),
		"--ServerApp.port_retries=0", "--ServerApp.root_dir=" + o.Folder,
	}, o.Args...)
	if os.Geteuid() == 0 {
		arguments = append(arguments, "--allow-root")
	}
	// The token goes into the environment, since every user of this machine can read arguments.
	env := append(append(append(os.Environ(), e.homes()...), "JUPYTER_TOKEN="+s.Token, "VIRTUAL_ENV="+e.Prefix,
		envHides+"="+strings.Join(o.Hidden, ":"),
		"PATH="+filepath.Join(e.Prefix, "bin")+string(os.PathListSeparator)+os.Getenv("PATH")), o.Env...)
	s.process, err = guard.Start(guard.Options{
		Program: e.Jupyter(), Args: arguments, Dir: o.Folder, Env: env, Log: o.Log, Grace: grace,
	})
	if err != nil {
		return nil, fmt.Errorf("lab: JupyterLab does not start: %w; remove %s and try again", err, e.Prefix)
	}
	if err := s.await(ctx); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// await waits until the server answers.
func (s *Server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.address("/api/status", url.Values{}), nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.process.Done():
			return fmt.Errorf("lab: JupyterLab ended (%s) before it answered; see its log", s.process.State())
		case <-ctx.Done():
			return fmt.Errorf("lab: JupyterLab does not answer: %w", ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// Address returns the address of a notebook or a folder or, for "", of JupyterLab, with the token.
func (s *Server) Address(notebook string) string {
	if notebook == "" {
		return s.address("/lab", url.Values{})
	}
	return s.address("/lab/tree/"+notebook, url.Values{})
}

func (s *Server) address(path string, query url.Values) string {
	query.Set("token", s.Token)
	host := fmt.Sprintf("127.0.0.1:%d", s.Port)
	return (&url.URL{Scheme: "http", Host: host, Path: path, RawQuery: query.Encode()}).String()
}

// Wait returns the error of a server that ends by itself, or nil when ctx ends.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-s.process.Done():
		if state := s.process.State(); state != "exit status 0" { // the menu "Shut Down" of JupyterLab
			return errors.New(state)
		}
		return nil
	case <-ctx.Done():
		return nil
	}
}

// Close ends the server and its kernels.
func (s *Server) Close() { s.process.End() }

// freePort checks that a port is free, or finds a free port if wanted is 0.
func freePort(wanted int) (int, error) {
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", wanted))
	if err != nil {
		return 0, fmt.Errorf("lab: port %d is taken: %w; give another --port, or 0 for any free port", wanted, err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port, nil
}
