package bench

import "fmt"

// synthetic makes the problem of a case that there is no reference for.
func synthetic(c Case) (problem, error) { return problem{}, fmt.Errorf("bench: not yet") }
