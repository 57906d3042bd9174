package serve

import (
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
)

// problem is what the compiler says about a line of a cell that GoNB compiles.
type problem struct {
	line int
	text string
}

// reported matches a problem in the page by which GoNB shows the compiler's errors.
var reported = regexp.MustCompile(`(?s)<span class="gonb-cell-line-info">Cell\[\d+\]: Line (\d+)</span>.*?` +
	`<span class="gonb-err-location">[^<]*</span></span>([^<]*)<`)

// problemsIn returns the problems that a page of GoNB shows.
func problemsIn(page string) (all []problem) {
	for _, found := range reported.FindAllStringSubmatch(page, -1) {
		line, _ := strconv.Atoi(found[1])
		all = append(all, problem{line, strings.TrimSpace(html.UnescapeString(found[2]))})
	}
	return all
}

// holdsProblems takes the page with the compiler's errors, and the error behind it that names
// GoNB's command alone.
func (l *living) holdsProblems(job *lent, m *gonb.Message) bool {
	l.cellMu.Lock()
	defer l.cellMu.Unlock()
	switch m.Header.Type {
	case "display_data":
		data, _ := m.Content["data"].(map[string]any)
		if found := problemsIn(text(data["text/html"])); len(found) > 0 {
			job.problems = found
			return true
		}
	case "error":
		return len(job.problems) > 0
	}
	return false
}

// compilerError returns the content of the error of a cell that GoNB could not compile. compiled is
// the cell's code as GoNB has read it: of other lines, perhaps.
func compilerError(code, compiled string, count int, problems []problem) map[string]any {
	theirs, ours := strings.Split(compiled, "\n"), strings.Split(code, "\n")
	var sentences []string
	first := 0
	for _, p := range problems {
		line := p.line
		if compiled != code && line >= 1 && line <= len(theirs) {
			line = sameLine(ours, theirs[:line])
		}
		if first == 0 {
			first = line
		}
		sentences = append(sentences, fmt.Sprintf("cell %d, line %d: %s", count, line, p.text))
	}
	trace := append([]string{red + "CompileError" + reset + ": " + sentences[0]}, excerpt(code, first)...)
	return map[string]any{
		"ename": "CompileError", "evalue": sentences[0], "traceback": append(trace, sentences[1:]...),
	}
}

// sameLine returns the number of the line of ours, from 1, that is the last one of theirs. The
// lines of theirs are some of ours, in their order: of equal lines, the count decides. It returns
// the line's number in theirs if ours lacks it.
func sameLine(ours, theirs []string) int {
	last, count := theirs[len(theirs)-1], 0
	for _, line := range theirs {
		if line == last {
			count++
		}
	}
	for i, line := range ours {
		if line != last {
			continue
		}
		if count--; count == 0 {
			return i + 1
		}
	}
	return len(theirs)
}
