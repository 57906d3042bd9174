package printable

import "testing"

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"ΔF = 2.5 kT, “x” − y\xff": "ΔF = 2.5 kT, “x” − y\uFFFD",
		"a\nb\r\x00\x1b[31mred":    "a?b???[31mred",
		"\u202egpj.exe\u2028":      "?gpj.exe?",
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
}
