// Package spelling suggests a known word for a misspelt one.
package spelling

import "strings"

// maxSlips is the largest distance between a word and the word that was meant.
const maxSlips = 2

// Nearest returns the known word at the least distance from word, and "" if none is near. Case does
// not count. A word that is the beginning of the other counts as one slip away. Of equally near
// words Nearest returns the first.
func Nearest(word string, known []string) string {
	word = strings.ToLower(word)
	best, least := "", maxSlips+1
	for _, k := range known {
		lower := strings.ToLower(k)
		d := Distance(word, lower)
		if d >= max(len(word), len(lower)) { // nothing in common
			continue
		}
		if short := min(len(word), len(lower)); d > 1 && short > 1 && word[:short] == lower[:short] {
			d = 1
		}
		if d < least {
			best, least = k, d
		}
	}
	return best
}

// Distance returns the number of slips that turn a into b, where a slip inserts, removes or
// replaces a letter, or exchanges two neighbours. This is the optimal string alignment distance.
func Distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			change := last[j]
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, row[j]+1, last[j+1]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
