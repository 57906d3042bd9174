"""Runs jupyter_kernel_test, Jupyter's own tests of a kernel, on the eqflow kernel."""

import unittest

import jupyter_kernel_test


class EqflowTests(jupyter_kernel_test.KernelTests):
    kernel_name = "eqflow"
    language_name = "go"
    file_extension = ".go"
    code_hello_world = 'fmt.Println("hello, world")'
    code_stderr = 'fmt.Fprintln(os.Stderr, "aside")'
    completion_samples = [
        {"text": "strings.Repe", "matches": {"Repeat"}},
        {"text": "fmt.Sprintl", "matches": {"Sprintln"}},
        {"text": "%eqflow var", "matches": {"vars"}},
    ]
    complete_code_samples = ["x := 1", "func f() int {\n\treturn 1\n}", "%eqflow vars", "!ls"]
    incomplete_code_samples = ["func f() int {", "f(1,", "x := `", "1 +"]
    invalid_code_samples = ["f(1))", "}"]
    code_page_something = "fmt.Println?"
    code_generate_error = "panic(1)"
    code_execute_result = [
        {"code": "1 + 2", "result": "3"},
        {"code": "[]int{1, 2}", "result": "[1 2]"},
        {"code": "figure.NewTable(nil, []any{1})", "mime": "text/html"},
    ]
    code_display_data = [{"code": 'gonbui.DisplayHTML("<b>bold</b>")', "mime": "text/html"}]
    code_history_pattern = "1 ? 2"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "fmt.Println"
    code_clear_output = "fmt.Println(1)\nclearOutput(true)\nfmt.Println(2)"


class WelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "eqflow"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
