package figure

import (
	"regexp"
	"strings"
)

// jobWords are what the parts of a job's name mean in words. Other parts stay as they are.
var jobWords = map[string]string{
	"short": "short trajectory", "all": "all states", "small": "small", "augmented": "augmented data",
	"no penalty": "without penalty", "shipped": "as shipped", "egnn": "EGNN", "onehop": "one-hop",
	"annealed": "annealed", "energy matching": "energy matching", "one hop": "one-hop",
}

var (
	// systemName is the name of a system of particles: letters and a number.
	systemName = regexp.MustCompile(`^(dw|lj)[0-9]+$`)
	seedOfJob  = regexp.MustCompile(`-([0-9]+)$`)
	// jobName is a name as files have it, which is no sentence: words joined by hyphens.
	jobName = regexp.MustCompile(`^\pL[\pL0-9]*(-[\pL0-9]+)*$`)
)

// Words returns the name of a training or model as the title of a figure says it: "eqBG-short-1" is
// "eqBG, short trajectory, seed 1". A number at the end is the seed. A name that is already in
// words is not changed; before a comma it may begin with the name of a job.
func Words(name string) string {
	head, rest, found := strings.Cut(name, ", ")
	if found {
		return Words(head) + ", " + rest
	}
	if !jobName.MatchString(name) {
		return name
	}
	seed := ""
	if m := seedOfJob.FindStringSubmatch(name); m != nil {
		seed, name = ", seed "+m[1], strings.TrimSuffix(name, m[0])
	}
	parts := strings.Split(name, "-")
	words, known := "", true // whether a comma stands behind the last part
	for i := 0; i < len(parts); i++ {
		part := parts[i]
		if i+1 < len(parts) && jobWords[part+" "+parts[i+1]] != "" {
			i++
			part += " " + parts[i]
		}
		before := known
		if known = jobWords[part] != ""; known {
			part = jobWords[part]
		} else if known = systemName.MatchString(part); known {
			part = strings.ToUpper(part)
		}
		switch {
		case words == "":
			words = part
		case before || known:
			words += ", " + part
		default:
			words += "-" + part
		}
	}
	return words + seed
}
