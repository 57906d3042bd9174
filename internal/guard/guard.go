// Package guard runs a program so that nothing that the program started outlives it, or outlives
// this process. A second process, the guard, stands between this process and the program. On Linux
// the guard adopts every orphan below it, also an orphan with a session of its own, so that it can
// end all of them (adopt_linux.go). A pipe tells the guard that this process has ended, be it by
// kill -9.
package guard

import (
	"os"
	"time"
)

// Options describe a guarded program.
type Options struct {
	Program string
	Args    []string
	Dir     string // working folder
	Env     []string
	Log     *os.File // receives the output
	Errors  *os.File // receives standard error, if it is not for Log
	// Files are further files of the program, from number 3 on. They work on Linux alone.
	Files []*os.File
	// Folder is removed by End, or when this process ends without End. It may be empty.
	Folder string
	// Grace is the time that the program has to end after a SIGTERM. Zero kills it at once.
	Grace time.Duration
}

// errors returns the file that receives standard error.
func (o Options) errors() *os.File {
	if o.Errors != nil {
		return o.Errors
	}
	return o.Log
}
