package spelling

import "testing"

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"train", "train", 0}, {"trian", "train", 1}, {"", "lab", 3},
		{"kitten", "sitting", 3}, {"ab", "ba", 1}, {"lab", "", 3},
	} {
		if got := Distance(c.a, c.b); got != c.want {
			t.Errorf("the distance from %q to %q is %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	known := []string{"train", "sample", "eval", "xla", "learning-rate", "out"}
	for word, want := range map[string]string{
		"trian": "train", "TRAIN": "train", "smaple": "sample", "xl": "xla", "learning_rate": "learning-rate",
		"evaluate": "eval", "output": "out",
		"dance": "", "q": "", "": "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("the word nearest to %q is %q, want %q", word, got, want)
		}
	}
}
