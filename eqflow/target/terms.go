package target

// addPairForce adds scale·(x_i − x_j) to the force on i and subtracts it from the force on j.
func addPairForce(forces, x []float64, d, i, j int, scale float64) {
	for k := range d {
		f := scale * (x[i*d+k] - x[j*d+k])
		forces[i*d+k] += f
		forces[j*d+k] -= f
	}
}

// squaredDistance is the squared distance of particles i and j of x [n*d].
func squaredDistance(x []float64, d, i, j int) float64 {
	sum := 0.0
	for k := range d {
		diff := x[i*d+k] - x[j*d+k]
		sum += diff * diff
	}
	return sum
}

// trapEnergyForces returns ½ k Σ|x_i − com|² and, if forces is not nil, overwrites it with −k (x_i
// − com).
func trapEnergyForces(x, forces []float64, d int, k float64) float64 {
	n := len(x) / d
	u := 0.0
	for axis := range d {
		mean := 0.0
		for i := range n {
			mean += x[i*d+axis]
		}
		mean /= float64(n)
		for i := range n {
			r := x[i*d+axis] - mean
			u += 0.5 * k * r * r
			if forces != nil {
				forces[i*d+axis] = -k * r
			}
		}
	}
	return u
}

func negate(v []float64) {
	for k := range v {
		v[k] = -v[k]
	}
}
