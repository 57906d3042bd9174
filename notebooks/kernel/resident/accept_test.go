package resident

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/gomlx/compute"
)

// crowded is a listener whose first accepts fail for want of files.
type crowded struct {
	net.Listener
	failures int
}

func (c *crowded) Accept() (net.Conn, error) {
	if c.failures > 0 {
		c.failures--
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return c.Listener.Accept()
}

// A helper answers again after it has run out of files.
func TestAcceptGoesOnAfterTooManyOpenFiles(t *testing.T) {
	dir, err := os.MkdirTemp("", "eqr-") // sockets need short paths
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket := filepath.Join(dir, "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		serve(&crowded{listener, 3}, func(string) (compute.Backend, error) { return nil, os.ErrInvalid })
	}()
	c, err := dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	listener.Close()
	<-served
}

// Other users can reach neither the socket of a helper nor its folder.
func TestSocketIsClosedToOtherUsers(t *testing.T) {
	startHost(t)
	socket := "socket" // startHost has changed to its folder
	for path, want := range map[string]os.FileMode{socket: 0o600, ".": 0o700} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, %v; want %v", path, info.Mode().Perm(), err, want)
		}
	}
}
