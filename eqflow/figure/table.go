package figure

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/eqflow/gonb-eqflow/eqflow/stats"
)

// Table is rows of text, with or without headers. It is HTML in a notebook and aligned columns
// elsewhere.
type Table struct {
	Headers []string
	Rows    [][]string
}

// NewTable returns a table of values. Floats have four digits, and estimates have as many digits as
// their errors justify. Rows shorter than the headers are padded.
func NewTable(headers []string, rows ...[]any) Table {
	t := Table{Headers: headers}
	for _, row := range rows {
		cells := make([]string, max(len(headers), len(row)))
		for i, v := range row {
			switch v := v.(type) {
			case float64:
				cells[i] = withMinusSign(fmt.Sprintf("%.4g", v))
			case float32:
				cells[i] = withMinusSign(fmt.Sprintf("%.4g", v))
			case stats.Estimate:
				cells[i] = v.String()
			default:
				cells[i] = fmt.Sprint(v)
			}
		}
		t.Rows = append(t.Rows, cells)
	}
	return t
}

// String returns the table with columns aligned by spaces: numbers to the right, text to the left.
func (t Table) String() string {
	var b strings.Builder
	widths := make([]int, t.columns())
	for _, row := range append([][]string{t.Headers}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	write := func(row []string) {
		var text strings.Builder
		for i, width := range widths {
			cell := ""
			if i < len(row) {
				cell = row[i]
			}
			pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell))
			if t.isNumeric(i) {
				text.WriteString(pad + cell + "  ")
			} else {
				text.WriteString(cell + pad + "  ")
			}
		}
		b.WriteString(strings.TrimRight(text.String(), " ") + "\n")
	}
	if len(t.Headers) > 0 {
		write(t.Headers)
		rules := make([]string, len(widths))
		for i, width := range widths {
			rules[i] = strings.Repeat("─", width)
		}
		write(rules)
	}
	for _, row := range t.Rows {
		write(row)
	}
	return b.String()
}

// HTML returns the table without style sheets, which a notebook that is not trusted would remove.
func (t Table) HTML() string {
	var b strings.Builder
	b.WriteString("<table>\n")
	if len(t.Headers) > 0 {
		b.WriteString("<thead><tr>")
		for i, h := range t.Headers {
			fmt.Fprintf(&b, `<th style="text-align:%s">%s</th>`, t.align(i), html.EscapeString(h))
		}
		b.WriteString("</tr></thead>\n")
	}
	b.WriteString("<tbody>\n")
	for _, row := range t.Rows {
		b.WriteString("<tr>")
		for i, cell := range row {
			fmt.Fprintf(&b, `<td style="text-align:%s">%s</td>`, t.align(i), html.EscapeString(cell))
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>")
	return b.String()
}

// columns returns the number of columns.
func (t Table) columns() int {
	n := len(t.Headers)
	for _, row := range t.Rows {
		n = max(n, len(row))
	}
	return n
}

func (t Table) align(column int) string {
	if t.isNumeric(column) {
		return "right"
	}
	return "left"
}

// prose matches cells that are text, although they begin with a number: "0.1 of the spread".
var prose = regexp.MustCompile(`\pL{3}`)

// isNumeric reports whether every cell of a column is empty or a number, with its error, range or
// unit.
func (t Table) isNumeric(column int) bool {
	hasNumbers := false
	for _, row := range t.Rows {
		if column >= len(row) || row[column] == "" || row[column] == "–" {
			continue
		}
		digits := strings.TrimLeft(row[column], "+-−≤≥<>~ ")
		if digits == "" || digits[0] < '0' || digits[0] > '9' || prose.MatchString(digits) {
			return false
		}
		hasNumbers = true
	}
	return hasNumbers
}
