package main

import (
	"bufio"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// bytesPerNumber is the memory of a float64.
const bytesPerNumber = 8

// checkMemory refuses so many configurations of numbers each that they do not fit into the memory
// that is free, and names a number that fits. advice says what else can be done. Where the system
// does not tell its memory, 2^47 bytes bound it: no machine addresses more.
func checkMemory(what string, n, numbersEach int, advice string) error {
	free := freeMemory()
	most := int(free / (bytesPerNumber * float64(numbersEach)))
	if n <= most {
		return nil
	}
	needed := float64(n) * float64(numbersEach) * bytesPerNumber
	return inputErrorf("%d %s need %.3g GB of memory, and %.3g GB are free; ask for at most %d%s",
		n, what, needed/1e9, free/1e9, most, advice)
}

// checkDisk is checkMemory for configurations that go to a file, and to the disk alone. What the
// file already there takes, such as that of an interrupted run, counts as free.
func checkDisk(what string, n, numbersEach int, path, already string) error {
	free, known := freeDisk(filepath.Dir(path))
	if info, err := os.Stat(already); err == nil {
		free += float64(info.Size())
	}
	if !known {
		free = math.Pow(2, 60) // no disk is larger
	}
	each := bytesPerNumber * float64(numbersEach)
	if float64(n) <= free/each {
		return nil
	}
	return inputErrorf("%d %s need %.3g GB on the disk of %s, and %.3g GB are free; ask for at most %d, "+
		"or write to another disk", n, what, float64(n)*each/1e9, path, free/1e9, int(free/each))
}

// freeMemory is the memory in bytes that the system can give, and no more than the process's limit.
func freeMemory() float64 {
	free := math.Pow(2, 47)
	file, err := os.Open("/proc/meminfo") // only Linux has it
	if err != nil {
		return free
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		rest, ok := strings.CutPrefix(lines.Text(), "MemAvailable:")
		if !ok {
			continue
		}
		fields := strings.Fields(rest)
		if kilobytes, err := strconv.ParseFloat(fields[0], 64); err == nil {
			free = kilobytes * 1024
		}
	}
	groups, _ := os.ReadFile("/proc/self/cgroup")
	return min(free, addressLimit(), groupLimit(string(groups), "/"))
}

// groupFiles are the files of a control group that limit its memory, below the folder of a version
// of control groups.
type groupFiles struct {
	controllers, folder, limit, used, stat, cached string
}

var groupVersions = []groupFiles{
	{"", "/sys/fs/cgroup", "memory.max", "memory.current", "memory.stat", "inactive_file"},
	{
		"memory", "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat",
		"total_inactive_file",
	},
}

// groupLimit is how much memory the control groups of the process have left: of a container, or of
// a task of a batch system. groups is the text of /proc/self/cgroup. It is +Inf where there is no
// limit.
func groupLimit(groups, root string) float64 {
	left := math.Inf(1)
	for _, f := range groupVersions {
		for line := range strings.Lines(groups) {
			parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if len(parts) != 3 || !slices.Contains(strings.Split(parts[1], ","), f.controllers) {
				continue
			}
			// The groups above limit the process too. In a container the path may not exist.
			for group := parts[2]; ; group = path.Dir(group) {
				left = min(left, f.left(filepath.Join(root, f.folder, group)))
				if group == path.Dir(group) {
					break
				}
			}
		}
	}
	return left
}

// left is how much memory the group in a folder has left, +Inf where it has no limit.
func (f groupFiles) left(folder string) float64 {
	limit, known := numberIn(filepath.Join(folder, f.limit))
	if !known {
		return math.Inf(1)
	}
	used, _ := numberIn(filepath.Join(folder, f.used))
	stat, _ := os.ReadFile(filepath.Join(folder, f.stat))
	cached := 0.0 // copies of files, which the system gives up
	if _, rest, found := strings.Cut("\n"+string(stat), "\n"+f.cached+" "); found {
		cached, _ = strconv.ParseFloat(strings.Fields(rest)[0], 64)
	}
	return max(0, limit-used+cached)
}

// addressesUsed is the size of the process's address space in bytes, 0 where the system does not
// tell it.
func addressesUsed() float64 {
	pages, _ := numberIn("/proc/self/statm")
	return pages * float64(os.Getpagesize())
}

// numberIn is the number at the beginning of a file, and whether there is one.
func numberIn(path string) (number float64, known bool) {
	text, err := os.ReadFile(path)
	if err != nil || len(strings.Fields(string(text))) == 0 {
		return 0, false
	}
	number, err = strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	return number, err == nil
}
