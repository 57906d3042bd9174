// Package zmatrix describes molecules by bonds, angles and dihedral angles in place of Cartesian
// coordinates.
//
//   - zmatrix.go: ZMatrix, which atom is placed by which others. Its coordinates, in order, are the
//     n−1 bonds, n−2 angles, n−3 dihedral angles, and three for the orientation in space.
//   - rule.go: FromShape makes a ZMatrix from the bonds of a molecule. file.go: Parse reads one
//     that was written by hand.
//   - encode.go, decode.go: Encode and Decode, the maps from and to Cartesian coordinates with
//     their log-determinants. pull.go: Pull, the transposed derivative of Decode.
//   - circles.go: which dihedral angles are soft, and the labels of equivalent atoms.
//   - standard.go: Chart, the coordinates with centres, spreads and hands.
//
// Lengths are in nm, angles in rad. A dihedral angle is 0 in cis and positive for a right-handed
// turn.
//
// # The measure
//
// Decode maps onto mean-free configurations, and its 3n−3 coordinates include the orientation
// (α, cos β, γ) of Euler's angles in the order z, y, z. With the orthonormal measure of the
// mean-free subspace, in which all densities of eqflow are,
//
//	log|det ∂x/∂q| = Σ 2 ln r + Σ ln sin θ − 3/2 ln n
//
// over all bonds r and all angles θ. The orientations have the volume 8π². A partition function
// Z' of bonds, angles and dihedral angles with the measure Π r² Π sin θ is therefore that of
// the mean-free subspace divided by 8π² n^(−3/2).
//
// # Hands and labels
//
// Every dihedral angle has its sign, so that a configuration and its mirror image have different
// coordinates. Signs are lost nowhere. A Chart takes its hands from data: they are the centres of
// the stiff dihedral angles.
//
// The equivalent atoms at the end of a rotor, such as the m = 3 hydrogens of a methyl, turn about
// one axis. Their common angle χ̄, the mean of their dihedral angles, is the soft coordinate. A
// turn by 2π/m is a cyclic exchange of the labels. Circle.Fold is m: a Chart turns the labels so
// that χ̄ lies within ±π/m, and keeps the number of turns. All m labellings of one hand are
// thus configurations with coordinates, and equally likely where a density is one of mχ̄. The
// labellings of the other hand need atoms to pass through each other.
package zmatrix
