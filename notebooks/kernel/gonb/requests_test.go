package gonb

import (
	"encoding/json"
	"testing"
)

// Absent entries get the protocol's defaults, and wrong ones are named.
func TestComplete(t *testing.T) {
	for _, c := range []struct{ kind, content, want, failure string }{
		{"execute_request", `{"code":"1"}`, `{"allow_stdin":true,"code":"1","silent":false,"stop_on_error":true,` +
			`"store_history":true,"user_expressions":{}}`, ""},
		{"execute_request", `{"code":null}`, "", "the content of execute_request has no code"},
		{"execute_request", `{"code":1}`, "", "code in the content of execute_request is not a string"},
		{"execute_request", `{"code":"1","silent":"no"}`, "", "silent in the content of execute_request is not a boolean"},
		{"execute_request", `{"code":"1","user_expressions":[]}`, "",
			"user_expressions in the content of execute_request is not an object"},
		{"complete_request", `{"code":"1"}`, "", "the content of complete_request has no cursor_pos"},
		{"complete_request", `{"code":"a\ud83d\ude00","cursor_pos":1e300}`, `{"code":"a😀","cursor_pos":3}`, ""},
		{"complete_request", `{"code":"ab","cursor_pos":-7}`, `{"code":"ab","cursor_pos":0}`, ""},
		{"inspect_request", `{"code":"ab","cursor_pos":1.5}`, `{"code":"ab","cursor_pos":1,"detail_level":0}`, ""},
		{"shutdown_request", `{"restart":"yes"}`, "", "restart in the content of shutdown_request is not a boolean"},
		{"comm_msg", `{"comm_id":[],"data":1}`, "", "comm_id in the content of comm_msg is not a string"},
		{"comm_msg", `{"comm_id":"1","data":1}`, `{"comm_id":"1","data":1}`, ""},
	} {
		m := Message{Header: Header{Type: c.kind}}
		if err := json.Unmarshal([]byte(c.content), &m.Content); err != nil {
			t.Fatal(err)
		}
		known, err := Complete(Requests, &m)
		if !known {
			t.Errorf("%s is unknown", c.kind)
		}
		if err != nil {
			if err.Error() != c.failure {
				t.Errorf("%s: %v, not %q", c.content, err, c.failure)
			}
			continue
		}
		if got, _ := json.Marshal(m.Content); string(got) != c.want {
			t.Errorf("%s becomes %s, not %s", c.content, got, c.want)
		}
	}
	for _, kind := range []string{"", "execute_reply", "input_reply", "stream", "no_such_request"} {
		if known, _ := Complete(Requests, &Message{Header: Header{Type: kind}}); known {
			t.Errorf("%q is known", kind)
		}
	}
}

// Lines that end GoNB become blank, and keep their length. All other lines stay.
func TestDefuse(t *testing.T) {
	for code, want := range map[string]string{
		"": "", "x := 1": "x := 1", "%": "%", "!": "!", "%%": "%%", "!ls": "!ls", "% ": "  ", "!\t": "  ",
		"a\n!  \nb": "a\n   \nb", `%cd "a b"`: `%cd "a b"`, `!echo ""`: `!echo ""`,
		`% \` + "\n": "   \n", `!\`: "  ", `!\` + "\nls": `!\` + "\nls", `!\` + "\n \nls": "  \n \nls", `!\` + "\n\\": "  \n ",
		"//gonb:% ": "         ", "%%\n% ": "%%\n  ", "%%bash\n": "%%bash\n", "%%script sh": "%%script sh",
	} {
		if got, err := defuse(code); got != want || err != nil {
			t.Errorf("%q becomes %q, %v; want %q", code, got, err, want)
		}
	}
	for _, code := range []string{
		"%%script", "%%script \nls", `%%script`, `//gonb:%%script`, `%cd ""`, `%cd "`, "x\n% capture -a \"\"",
		`%%writefile ""`,
	} {
		if _, err := defuse(code); err == nil {
			t.Errorf("%q passes", code)
		}
	}
}

// No content of any request ends the process, and what passes has the types that GoNB demands. The
// seeds are in testdata/fuzz.
func FuzzRequest(f *testing.F) {
	f.Fuzz(func(t *testing.T, kind, content string) {
		m := Message{Header: Header{Type: kind}}
		if json.Unmarshal([]byte(content), &m.Content) != nil || m.Content == nil {
			return
		}
		known, err := Complete(Requests, &m)
		if !known || err != nil {
			return
		}
		demanded := map[string][]string{
			"execute_request": {"code", "silent", "store_history", "allow_stdin"},
			"inspect_request": {"code", "cursor_pos", "detail_level"}, "complete_request": {"code", "cursor_pos"},
		}
		for _, name := range demanded[kind] {
			want := map[string]fieldKind{"code": isText, "cursor_pos": isNumber, "detail_level": isNumber}[name]
			if want == "" {
				want = isBool
			}
			if !want.matches(m.Content[name]) {
				t.Errorf("%s passes with %s = %v", kind, name, m.Content[name])
			}
		}
	})
}
