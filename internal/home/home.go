// Package home sets HOME where it is missing, as in services and cron jobs. Its init comes before
// that of go-xla, which otherwise prints an error to stderr. Go initialises packages in the order
// of their paths, as far as their imports allow.
package home

import (
	"os"
	"os/user"
)

func init() {
	if os.Getenv("HOME") != "" || os.PathSeparator != '/' {
		return
	}
	folder := "/" // as container programs set HOME for a user without an entry
	if me, err := user.Current(); err == nil && me.HomeDir != "" {
		folder = me.HomeDir
	}
	_ = os.Setenv("HOME", folder)
}
