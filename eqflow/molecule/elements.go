package molecule

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// elementMasses are the masses, in u, of the elements that force fields of molecules have.
var elementMasses = []struct {
	symbol string
	mass   float64
}{
	{"H", 1.008}, {"He", 4.003}, {"Li", 6.94}, {"B", 10.81}, {"C", 12.011}, {"N", 14.007}, {"O", 15.999},
	{"F", 18.998}, {"Ne", 20.180}, {"Na", 22.990}, {"Mg", 24.305}, {"Al", 26.982}, {"Si", 28.085}, {"P", 30.974},
	{"S", 32.06}, {"Cl", 35.45}, {"Ar", 39.95}, {"K", 39.098}, {"Ca", 40.078}, {"Mn", 54.938}, {"Fe", 55.845},
	{"Co", 58.933}, {"Ni", 58.693}, {"Cu", 63.546}, {"Zn", 65.38}, {"Se", 78.971}, {"Br", 79.904}, {"Kr", 83.798},
	{"Rb", 85.468}, {"Sr", 87.62}, {"Ag", 107.868}, {"Cd", 112.414}, {"I", 126.904}, {"Xe", 131.293},
	{"Cs", 132.905}, {"Ba", 137.327}, {"Pt", 195.084}, {"Au", 196.967}, {"Hg", 200.592}, {"Pb", 207.2},
}

// massTolerance is how far the mass of a force field's file may lie from the element's, u.
const massTolerance = 0.03

// massOf returns the mass of an element, and whether it is known. Case does not count.
func massOf(symbol string) (float64, bool) {
	for _, e := range elementMasses {
		if strings.EqualFold(e.symbol, symbol) {
			return e.mass, true
		}
	}
	return 0, false
}

// elementOf returns the element of a mass, "" if none fits. Calcium, argon and potassium are near
// each other, but no two lie within the tolerance of the same mass.
func elementOf(mass float64) string {
	best, least := "", massTolerance
	for _, e := range elementMasses {
		if d := math.Abs(mass - e.mass); d <= least {
			best, least = e.symbol, d
		}
	}
	return best
}

// Elements returns the element of each atom, "" where it is unknown: from the structure if there is
// one, or else from the file, or else from the masses. Where hydrogens have been made heavier at
// the cost of their neighbours, that is undone for the comparison.
func (s *System) Elements() []string {
	out := make([]string, s.Atoms())
	if s.Structure != nil {
		for i, a := range s.Structure.Atoms {
			out[i] = a.Element
		}
		return out
	}
	for i, m := range s.naturalMasses() {
		if s.Names != nil {
			out[i] = s.Names[i].Element
		}
		if out[i] == "" {
			out[i] = elementOf(m)
		}
	}
	return out
}

// elementNumbers are the elements by their atomic numbers, from 1.
var elementNumbers = strings.Fields(`H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca
	Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn
	Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg
	Tl Pb Bi`)

// elementNumbered returns the element of an atomic number, "" if there is none.
func elementNumbered(number int) string {
	if number < 1 || number > len(elementNumbers) {
		return ""
	}
	return elementNumbers[number-1]
}

// naturalMasses returns the masses with repartitioned hydrogens set back: a mass between 1.1 and
// 4.1 that hangs on one heavier atom is a hydrogen that took the difference from it.
func (s *System) naturalMasses() []float64 {
	masses := slices.Clone(s.Masses)
	hydrogen, _ := massOf("H")
	for i, list := range s.neighbours() {
		if m := s.Masses[i]; m > 1.1 && m < 4.1 && len(list) == 1 && s.Masses[list[0]] > m {
			masses[list[0]] += m - hydrogen
			masses[i] = hydrogen
		}
	}
	return masses
}

// canonicalElement returns the symbol of an element as it is usually written, "" if it is unknown.
func canonicalElement(symbol string) string {
	for _, e := range elementMasses {
		if strings.EqualFold(e.symbol, symbol) {
			return e.symbol
		}
	}
	return ""
}

// Formula counts the elements in Hill's order: carbon, hydrogen, then the alphabet.
func (s *System) Formula() string {
	count := map[string]int{}
	for _, e := range s.Elements() {
		if e == "" {
			e = "?"
		}
		count[e]++
	}
	var parts []string
	rank := func(e string) string {
		if e == "C" || e == "H" {
			return " " + e
		}
		return e
	}
	order := slices.SortedFunc(maps.Keys(count), func(a, b string) int { return strings.Compare(rank(a), rank(b)) })
	for _, e := range order {
		parts = append(parts, fmt.Sprint(e, count[e]))
	}
	return strings.Join(parts, " ")
}
