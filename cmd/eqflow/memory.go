package main

import (
	"bufio"
	"math"
	"os"
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
	return min(free, addressLimit())
}
