package lock

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// OneMachine returns why locks in a folder hold on this machine alone, such as "NFS mounted with
// nolock", or "" if other machines that share the folder see them, or if none can.
func OneMachine(folder string) string {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(folder); err == nil {
		folder = real
	}
	if absolute, err := filepath.Abs(folder); err == nil {
		folder = absolute
	}
	return oneMachine(string(text), folder)
}

// oneMachine looks the folder up in the text of mountinfo(5).
func oneMachine(mounts, folder string) (why string) {
	deepest := -1
	for line := range strings.Lines(mounts) {
		fields, rest, found := strings.Cut(line, " - ")
		place, kind := strings.Fields(fields), strings.Fields(rest)
		if !found || len(place) < 6 || len(kind) < 3 {
			continue
		}
		point := unescape(place[4])
		if len(point) < deepest || point != "/" && folder != point && !strings.HasPrefix(folder, point+"/") {
			continue
		}
		deepest, why = len(point), localLocks(kind[0], strings.Split(place[5]+","+kind[2], ","))
	}
	return why
}

// unescape turns the octal escapes of mountinfo(5) into the characters that they stand for.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// localLocks decides by the kind of a file system and its options.
func localLocks(kind string, options []string) string {
	local := map[string][]string{
		"nfs":    {"nolock", "local_lock=all", "local_lock=flock"},
		"nfs4":   {"local_lock=all", "local_lock=flock"},
		"lustre": {"localflock"},
	}
	for _, option := range local[kind] {
		if slices.Contains(options, option) {
			return fmt.Sprintf("%s mounted with %s", strings.ToUpper(strings.TrimSuffix(kind, "4")), option)
		}
	}
	if slices.Contains([]string{"fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse"}, kind) {
		return strings.TrimPrefix(kind, "fuse.")
	}
	return ""
}
