package serve

import "testing"

// A question mark before or behind a name asks what it means.
func TestQuestionCell(t *testing.T) {
	for code, want := range map[string]string{
		"fmt.Println?": "fmt.Println", "?fmt.Println": "fmt.Println", " x?? ": "x", "??größe\n": "größe",
		"x ? y": "", "?": "", "x?\ny": "", "f()?": "",
	} {
		got := ""
		if found := questionCell.FindStringSubmatch(code); found != nil {
			got = found[1] + found[2]
		}
		if got != want {
			t.Errorf("%q asks for %q, want %q", code, got, want)
		}
	}
}
