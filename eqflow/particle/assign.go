package particle

import "math"

// Assign returns for every row of the square cost matrix its column, each column once, so that the total cost is
// least: the Hungarian method with potentials, O(n³) (Kuhn 1955; Jonker and Volgenant's shortest augmenting paths).
func Assign(cost [][]float64) []int {
	n := len(cost)
	// Column n stands for "no column": it holds the row that is being assigned.
	rowOf := make([]int, n+1)
	for j := range rowOf {
		rowOf[j] = -1
	}
	u, v := make([]float64, n), make([]float64, n+1)
	for row := range n {
		rowOf[n] = row
		augment(cost, rowOf, u, v)
	}
	columns := make([]int, n)
	for j, row := range rowOf[:n] {
		columns[row] = j
	}
	return columns
}

// augment assigns the row in rowOf[n] along the cheapest alternating path and updates the potentials u and v.
func augment(cost [][]float64, rowOf []int, u, v []float64) {
	n := len(cost)
	slack, previous, used := make([]float64, n), make([]int, n), make([]bool, n+1)
	for j := range slack {
		slack[j] = math.Inf(1)
	}
	at := n
	for rowOf[at] >= 0 {
		used[at] = true
		row, next, step := rowOf[at], -1, math.Inf(1)
		for j := range n {
			if used[j] {
				continue
			}
			if reduced := cost[row][j] - u[row] - v[j]; reduced < slack[j] {
				slack[j], previous[j] = reduced, at
			}
			if slack[j] < step {
				step, next = slack[j], j
			}
		}
		for j := range n + 1 {
			if used[j] {
				u[rowOf[j]] += step
				v[j] -= step
			} else {
				slack[j] -= step
			}
		}
		at = next
	}
	for at != n {
		rowOf[at] = rowOf[previous[at]]
		at = previous[at]
	}
	rowOf[n] = -1
}
