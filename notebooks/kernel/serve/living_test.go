package serve

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eqflow/gonb-eqflow/notebooks/kernel/gonb"
	"github.com/eqflow/gonb-eqflow/notebooks/kernel/ipynb"
)

// outcome is what a front end sees of a cell.
type outcome struct {
	kinds  []string // of the published messages, without status
	count  any
	out    *ipynb.Collector
	error  map[string]any
	result map[string]any
}

// live runs a cell and returns everything that a front end sees of it.
func (k *served) live(t testing.TB, ctx context.Context, code string) outcome {
	t.Helper()
	o := outcome{out: ipynb.NewCollector()}
	_, err := k.Execute(ctx, code, func(m gonb.Message) {
		o.kinds = append(o.kinds, m.Header.Type)
		switch m.Header.Type {
		case "execute_input":
			o.count = m.Content["execution_count"]
		case "error":
			o.error = m.Content
		case "execute_result":
			o.result, _ = m.Content["data"].(map[string]any)
		}
		o.out.Collect(m)
	})
	if err != nil && ctx.Err() == nil {
		t.Fatalf("%q: %v", code, err)
	}
	return o
}

// A living kernel answers as the protocol demands, and its values live on.
func TestLivingKernel(t *testing.T) {
	k := serveLive(t, testMagics()...)
	for i, c := range []struct{ code, stdout, result, ename, evalue string }{
		{code: "x := 20"},
		{code: "%env SAID=hello\nfmt.Println(os.Getenv(\"SAID\"), x)\nx + 1",
			stdout: "Set: SAID=\"hello\"\nhello 20\n", result: "21"},
		{code: "!echo shell", stdout: "shell\n"},
		{code: "%eqflow greet world\nx", stdout: "hello world\n", result: "20"},
		{code: "func f(i int) int {\n\treturn []int{1}[i]\n}"},
		{code: "a := 1\n\nf(x)", ename: "Panic",
			evalue: "cell 5, line 2: runtime error: index out of range [20] with length 1"},
		{code: "energie(x)", ename: "CompileError", evalue: "cell 7, line 1: undefined: energie"},
		{code: "%eqflow fail\nx", ename: "eqflow", evalue: "as it should"},
		{code: "%%\nx := \"own\"\nfmt.Println(x)", stdout: "own\n"},
		{code: "panic(errors.New(\"no such file\"))", ename: "Error", evalue: "cell 10, line 1: no such file"},
		{code: "a + x", result: "21"},
		{code: "gonbui.DisplayHTML(\"<b>shown</b>\")\nfigure.NewTable(nil, []any{\"t\", 2})", result: "t  2\n"},
		{code: "%%script bash\necho bash", stdout: "bash\n"},
		{code: "\n!false\nfmt.Println(\"not this\")", ename: "ShellError", evalue: "cell 14, line 2: exit status 1"},
		{code: "%eqflw", ename: "MagicError",
			evalue: "cell 15, line 1: \"%eqflw\" is no magic; %eqflow help and %help list them"},
		{code: "%% fmt.Println(x)", stdout: "20\n"},
		{code: "//gonb:%env SAID=twice\n//gonb:!echo a \\\n//gonb:b\n//gonb:%%\nfmt.Println(os.Getenv(\"SAID\"), x)",
			stdout: "Set: SAID=\"twice\"\na b\ntwice 20\n"},
	} {
		ctx, stop := context.WithTimeout(context.Background(), time.Minute)
		o := k.live(t, ctx, c.code)
		stop()
		if o.count != float64(i+1) {
			t.Errorf("%q has the number %v, want %d", c.code, o.count, i+1)
		}
		if got := o.out.Stream("stdout"); got != c.stdout {
			t.Errorf("%q writes %q, want %q", c.code, got, c.stdout)
		}
		if got := fmt.Sprint(o.result["text/plain"]); got != c.result && (c.result != "" || o.result != nil) {
			t.Errorf("%q shows %q, want %q", c.code, got, c.result)
		}
		if c.ename != "" && (o.error["ename"] != c.ename || !strings.HasSuffix(text(o.error["evalue"]), c.evalue)) ||
			c.ename == "" && o.error != nil {
			t.Errorf("%q fails with %v, want %s: %s", c.code, o.error, c.ename, c.evalue)
		}
	}
	t.Run("vars", func(t *testing.T) { testVars(t, k) })
	t.Run("interrupt", func(t *testing.T) { testLivingInterrupt(t, k) })
	t.Run("a lost host", func(t *testing.T) { testLostHost(t, k) })
	t.Run("a queue behind an error", func(t *testing.T) { testQueue(t, k) })
	t.Run("cells without a number", func(t *testing.T) { testUncounted(t, k) })
}

func testVars(t *testing.T, k *served) {
	o := k.live(t, context.Background(), "%eqflow vars")
	shown := fmt.Sprint(o.out.Outputs())
	for _, want := range []string{"x     int   20", "compiled cells take"} {
		if !strings.Contains(shown, want) {
			t.Errorf("the variables are shown as %s; there is no %q", shown, want)
		}
	}
}

func testLivingInterrupt(t *testing.T, k *served) {
	ctx, stop := context.WithCancel(context.Background())
	k.begin(t, "") // an empty cell is a cell
	o := outcome{}
	_, _ = k.Execute(ctx, "fmt.Println(\"begun\")\n<-ctx.Done()\nctx.Err()", func(m gonb.Message) {
		switch m.Header.Type {
		case "stream":
			stop()
		case "error":
			o.error = m.Content
		}
	})
	if o.error["ename"] != "Interrupted" {
		t.Errorf("an interrupted cell fails with %v", o.error)
	}
	if o := k.live(t, context.Background(), "x"); o.result["text/plain"] != "20" {
		t.Errorf("after an interrupt x is %v, %v", o.result, o.error)
	}
}

func testLostHost(t *testing.T, k *served) {
	o := k.live(t, context.Background(), "os.Exit(2)")
	value := text(o.error["evalue"])
	if !strings.Contains(value, "exit status 2") || !strings.Contains(value, "lost: a, x") {
		t.Errorf("os.Exit fails with %v", o.error)
	}
	if o := k.live(t, context.Background(), "1 + 1"); o.result["text/plain"] != "2" {
		t.Errorf("after os.Exit: %v, %v", o.result, o.error)
	}
}

// Cells that wait behind a cell that fails do not run, and say so.
func testQueue(t *testing.T, k *served) {
	request := map[string]any{"code": "time.Sleep(time.Second)\nnothing()", "silent": false, "stop_on_error": true}
	if _, err := k.Send(k.Shell, "execute_request", map[string]any{"code": "time.Sleep(time.Second)"}); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Send(k.Shell, "execute_request", request); err != nil {
		t.Fatal(err)
	}
	got := k.ask(t, "execute_request", map[string]any{"code": "fmt.Println(\"not this\")"})
	if got["status"] != "aborted" {
		t.Errorf("the cell behind an error is answered by %v", got)
	}
}

// Cells without a number of their own, silent or aborted, leave the text of the last counted cell,
// which later errors quote.
func testUncounted(t *testing.T, k *served) {
	k.live(t, context.Background(), "func third(s []int) int {\n\treturn s[2]\n}")
	for _, options := range []map[string]any{{"silent": true}, {"store_history": false}} {
		options["code"] = "quiet := 1\nquiet++\nquiet--"
		if got := k.ask(t, "execute_request", options); got["status"] != "ok" {
			t.Errorf("%v is answered by %v", options, got)
		}
	}
	o := k.live(t, context.Background(), "third(nil)")
	if trace := fmt.Sprint(o.error["traceback"]); !strings.Contains(trace, "return s[2]") {
		t.Errorf("the error quotes %s", trace)
	}
	failure := k.ask(t, "execute_request", map[string]any{"code": "\nabsent", "store_history": false})
	if trace := fmt.Sprint(failure["traceback"]); !strings.Contains(trace, "| absent") {
		t.Errorf("the error of an uncounted cell quotes %s", trace)
	}
}

// While a cell runs, the kernel answers other requests.
func TestALivingKernelAnswersWhileACellRuns(t *testing.T) {
	k := serveLive(t)
	k.live(t, context.Background(), "1")
	k.begin(t, "time.Sleep(5 * time.Second)")
	began := time.Now()
	info := k.ask(t, "kernel_info_request", map[string]any{})
	if info["implementation"] != "eqflow" || time.Since(began) > 4*time.Second {
		t.Errorf("after %s: %v", time.Since(began), info)
	}
}

// A cell during which GoNB ends fails once, with its own number, whoever runs it.
func TestGoNBEndsDuringALivingCell(t *testing.T) {
	for _, code := range []string{
		"!kill -KILL $PPID",
		"!kill -KILL $PPID\nos.WriteFile(%q, nil, 0o600)", // the Go lines do not run
		"%%env GONB=1\nsyscall.Kill(%d, syscall.SIGKILL)\ntime.Sleep(time.Minute)",
		"syscall.Kill(%d, syscall.SIGKILL)\ntime.Sleep(time.Minute)",
	} {
		k := serveLive(t)
		gonbPID, ran := filepath.Join(k.folder, "gonb"), filepath.Join(k.folder, "ran")
		k.live(t, context.Background(), "!echo $PPID > "+gonbPID)
		if strings.Contains(code, "%q") {
			code = fmt.Sprintf(code, ran)
		} else if strings.Contains(code, "%d") {
			pid, _ := strconv.Atoi(strings.TrimSpace(awaitFile(t, gonbPID)))
			code = fmt.Sprintf(code, pid)
		}
		got := k.ask(t, "execute_request", map[string]any{"code": code})
		if got["status"] != "error" || got["execution_count"] != 2. ||
			!strings.Contains(text(got["evalue"]), "GoNB ended") {
			t.Errorf("%q is answered by %v", code, got)
		}
		if _, err := os.Stat(ran); err == nil {
			t.Errorf("%q runs on without GoNB", code)
		}
	}
}

// Widgets of a living cell hear what the front end sends.
func TestWidgetsOfALivingCell(t *testing.T) {
	k := serveLive(t)
	const code = "heard := make(chan string, 1)\n" +
		"comms.Subscribe(\"/slider\", func(_ string, value string) { heard <- value })\n<-heard"
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	send := func(kind string, content map[string]any) {
		content["comm_id"] = "of the test"
		if _, err := k.Send(k.Shell, kind, content); err != nil {
			t.Error(err)
		}
	}
	var result any
	ctx, done := context.WithCancel(ctx)
	defer done()
	_, err := k.Execute(ctx, code, func(m gonb.Message) {
		data, _ := m.Content["data"].(map[string]any)
		switch {
		case m.Header.Type == "display_data" && strings.Contains(text(data["text/html"]), "<script>"):
			send("comm_open", map[string]any{"target_name": "gonb_comm", "kernel_id": "0123", "data": map[string]any{}})
			go func() {
				for ctx.Err() == nil {
					send("comm_msg", map[string]any{"data": map[string]any{"address": "/slider", "value": "moved"}})
					time.Sleep(100 * time.Millisecond)
				}
			}()
		case m.Header.Type == "execute_result":
			result = data["text/plain"]
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if result != "moved" {
		t.Errorf("the widget heard %v", result)
	}
}

// Lines for GoNB may be comments for others.
func TestUncomment(t *testing.T) {
	for code, want := range map[string]string{
		"//gonb:%env A=1\nx": "%env A=1\nx", "x\n//gonb:%%\ny": "x\n%%\ny",
		"//gonb:!ls \\\n//gonb:  -l\n//gonb:x": "!ls \\\n  -l\n//gonb:x", "!ls \\\n//gonb:-l": "!ls \\\n-l",
		"//gonb:%%writefile f\n//gonb:%%": "%%writefile f\n//gonb:%%", "// gonb:%%": "// gonb:%%",
		"x := `\n//gonb:!ls\n`": "x := `\n//gonb:!ls\n`", "/*\n//gonb:!ls\n*/": "/*\n//gonb:!ls\n*/",
	} {
		if got := uncomment(code); got != want {
			t.Errorf("%q becomes %q, want %q", code, got, want)
		}
	}
}

// Lines for GoNB are taken out of a cell, and lines of raw strings and comments are not.
func TestSeparate(t *testing.T) {
	special, own := separate("!ls \\\n  -l\nx := `\n%d\n!` + \"`\"\n%env A=1\n/* '\n!no */ y := '`'\n%cd /")
	wanted := "!ls \\\n  -l\n\n\n\n%env A=1\n\n\n%cd /"
	if special != wanted || own != "\n\nx := `\n%d\n!` + \"`\"\n\n/* '\n!no */ y := '`'\n" {
		t.Errorf("special %q, own %q", special, own)
	}
}
