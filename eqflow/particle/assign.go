package particle

import "math"

// Assign returns the column of every row of the square cost matrix [n*n], row-major. Each column
// occurs once, and the total cost is minimal.
func Assign(cost []float64, n int) []int { return newAssigner(n).assign(cost) }

// assigner solves assignment problems of one size, one after another, without new allocations. The
// method is that of Jonker and Volgenant (Computing 38, 1987): cheap reductions assign most rows,
// and shortest augmenting paths assign the rest.
type assigner struct {
	n        int
	cost     []float64
	columnOf []int     // of each row, −1 while it is free
	rowOf    []int     // of each column, −1 while it is free
	price    []float64 // of each column: the dual variable
	free     []int     // rows without a column
	least    []int     // of each column, the row of least cost

	// State of the search for a shortest path.
	length   []float64 // to each column
	previous []int     // the row before each column
	order    []int     // the columns: scanned, then reached, then the rest
}

func newAssigner(n int) *assigner {
	return &assigner{
		n: n, columnOf: make([]int, n), rowOf: make([]int, n), price: make([]float64, n), free: make([]int, 0, n),
		least: make([]int, n), length: make([]float64, n), previous: make([]int, n), order: make([]int, n),
	}
}

// assign returns the column of every row. The next call overwrites the result.
func (a *assigner) assign(cost []float64) []int {
	a.cost = cost
	a.reduceColumns()
	a.transferReductions()
	for range 2 {
		a.bid()
	}
	for _, row := range a.free {
		a.augment(row)
	}
	return a.columnOf
}

func (a *assigner) row(i int) []float64 { return a.cost[i*a.n : (i+1)*a.n] }

// reduceColumns sets the price of every column to its least cost. It assigns the column to the row
// of that cost, unless the row has a column already.
func (a *assigner) reduceColumns() {
	for j := range a.n {
		a.columnOf[j], a.rowOf[j], a.price[j], a.least[j] = -1, -1, math.Inf(1), 0
	}
	for i := range a.n {
		for j, c := range a.row(i) {
			if c < a.price[j] {
				a.price[j], a.least[j] = c, i
			}
		}
	}
	for j := a.n - 1; j >= 0; j-- {
		if i := a.least[j]; a.columnOf[i] < 0 {
			a.columnOf[i], a.rowOf[j] = j, i
		}
	}
}

// transferReductions lowers the price of every assigned column until its row's second-best column
// is as good. It also lists the free rows.
func (a *assigner) transferReductions() {
	a.free = a.free[:0]
	for i, own := range a.columnOf {
		if own < 0 {
			a.free = append(a.free, i)
			continue
		}
		second := math.Inf(1)
		for j, c := range a.row(i) {
			if j != own {
				second = min(second, c-a.price[j])
			}
		}
		if slack := second - (a.row(i)[own] - a.price[own]); slack > 0 && !math.IsInf(slack, 1) {
			a.price[own] -= slack
		}
	}
}

// bid assigns its best column to every free row, and lowers the price of that column until the
// row's second-best column is as good (augmenting row reduction). A row that loses its column bids
// next. If the bid changed no price, the losing row stays free instead.
func (a *assigner) bid() {
	waiting, unassigned := append(a.order[:0], a.free...), a.free[:0]
	for bids := 0; len(waiting) > 0; bids++ {
		i := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		best, second, first, next := a.twoBest(i)
		price := a.price[best] - (second - first)
		lower := price < a.price[best] && !math.IsInf(price, -1)
		if lower {
			a.price[best] = price
		} else if next >= 0 && a.rowOf[best] >= 0 {
			best = next
		}
		loser := a.rowOf[best]
		a.columnOf[i], a.rowOf[best] = best, i
		if loser < 0 {
			continue
		}
		a.columnOf[loser] = -1
		if lower && bids < 2*a.n { // with rounding, two rows could outbid each other for long
			waiting = append(waiting, loser)
		} else {
			unassigned = append(unassigned, loser)
		}
	}
	a.free = unassigned
}

// twoBest returns the best column of a row with its reduced cost first, and the second-best column
// next with its reduced cost second. next is −1 if there is no second column.
func (a *assigner) twoBest(i int) (best int, second, first float64, next int) {
	best, next, first, second = 0, -1, math.Inf(1), math.Inf(1)
	for j, c := range a.row(i) {
		reduced := c - a.price[j]
		if reduced >= second {
			continue
		}
		if reduced < first {
			best, next = j, best
			first, second = reduced, first
		} else {
			next, second = j, reduced
		}
	}
	if math.IsInf(second, 1) {
		next = -1
	}
	return best, second, first, next
}

// augment assigns a free row along the cheapest alternating path to a free column (Dijkstra's
// method), and updates the prices.
func (a *assigner) augment(start int) {
	for j, c := range a.row(start) {
		a.length[j], a.previous[j], a.order[j] = c-a.price[j], start, j
	}
	// order holds the scanned columns, the columns reached at the current length, and the rest.
	scanned, reached, end := 0, 0, -1
	shortest := 0.0
	for end < 0 {
		if scanned == reached {
			shortest, reached = a.nearest(scanned)
			for _, j := range a.order[scanned:reached] {
				if a.rowOf[j] < 0 {
					end = j
					break
				}
			}
		}
		if end < 0 {
			reached, end = a.scan(a.order[scanned], shortest, reached)
			scanned++
		}
	}
	for _, j := range a.order[:scanned] {
		if a.length[j] < shortest {
			a.price[j] += a.length[j] - shortest
		}
	}
	for {
		i := a.previous[end]
		a.rowOf[end] = i
		end, a.columnOf[i] = a.columnOf[i], end
		if i == start {
			return
		}
	}
}

// nearest moves the columns of least length to the front of order[from:]. It returns that length
// and the end of these columns.
func (a *assigner) nearest(from int) (shortest float64, end int) {
	shortest, end = math.Inf(1), from
	for k := from; k < a.n; k++ {
		j := a.order[k]
		switch {
		case a.length[j] < shortest || end == from:
			shortest, end = a.length[j], from+1
			a.order[k], a.order[from] = a.order[from], j
		case a.length[j] == shortest:
			a.order[k], a.order[end] = a.order[end], j
			end++
		}
	}
	return shortest, end
}

// scan extends the paths from a column through its row. It returns the new end of the columns
// reached at the shortest length, and a free column among them, or −1 if there is none.
func (a *assigner) scan(column int, shortest float64, reached int) (end, free int) {
	i := a.rowOf[column]
	row := a.row(i)
	base := row[column] - a.price[column] - shortest
	for k := reached; k < a.n; k++ {
		j := a.order[k]
		length := row[j] - a.price[j] - base
		if length >= a.length[j] {
			continue
		}
		a.length[j], a.previous[j] = length, i
		if length > shortest {
			continue
		}
		if a.rowOf[j] < 0 {
			return reached, j
		}
		a.order[k], a.order[reached] = a.order[reached], j
		reached++
	}
	return reached, -1
}
