// Package spelling finds the word that was meant by one that does not exist.
package spelling

import "strings"

// most is how many slips of the hand a word may be away from the one that was meant.
const most = 2

// Nearest returns the known word that is the fewest slips away from word, without regard to case, or one of which word is
// the beginning or the other way round; "" if none is near. Of equally near ones it is the first.
func Nearest(word string, known []string) string {
	word = strings.ToLower(word)
	best, least := "", most+1
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

// Distance counts the letters to insert, remove, replace, or exchange with their neighbour that turn a into b: the
// optimal string alignment distance.
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
