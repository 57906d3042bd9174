"""Tries what the front ends of Jupyter do with the eqflow kernel.

Prints a JSON object: for each front end what happened with each feature, "yes" or what is missing.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import pexpect
from jupyter_client.manager import start_new_kernel

BIN = Path(sys.executable).parent
LIMIT = 90
PICTURE = "image.NewGray(image.Rect(0, 0, 2, 2))"
FAILURE = 'panic(errors.New("no such file"))'
INPUT = 'var name string\nfmt.Scanln(&name)\nfmt.Println("typed", name)'
SLOW = 'fmt.Println("begun")\n<-ctx.Done()\nfmt.Println("stopped")'
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def yes(found, otherwise="no"):
    return "yes" if found else otherwise


def notebook(*cells):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nb.metadata.kernelspec = {"name": "eqflow", "display_name": "eqflow (Go)", "language": "go"}
    return nb


def outputs(nb):
    return [json.dumps(c.get("outputs", [])) for c in nb.cells]


def client():
    """jupyter_client, as VS Code and other editors use it."""
    manager, c = start_new_kernel(kernel_name="eqflow", startup_timeout=LIMIT)
    shown = []

    def hook(m):
        shown.append((m["msg_type"], m["content"]))

    def run(code, **more):
        shown.clear()
        r = c.execute_interactive(code, output_hook=hook, timeout=LIMIT, **more)
        return r["content"], json.dumps(shown)

    def typed(_):
        c.input("Ada")

    found = {}
    run("x := 20")
    text = run("x + 1")[1]
    found["value kept"] = found["last expression"] = yes('"execute_result"' in text and '"21"' in text)
    reply = run(FAILURE)[0]
    found["error text"] = yes(reply.get("evalue") == "cell 3, line 1: no such file")
    found["picture"] = yes('"image/png"' in run(PICTURE)[1])
    found["input"] = yes("typed Ada" in run(INPUT, allow_stdin=True, stdin_hook=typed)[1])
    shown.clear()
    request = c.execute(SLOW)
    while "begun" not in json.dumps(c.get_iopub_msg(timeout=LIMIT)["content"]):
        pass
    manager.interrupt_kernel()
    reply = c.get_shell_msg(timeout=LIMIT)
    while reply["parent_header"]["msg_id"] != request:
        reply = c.get_shell_msg(timeout=LIMIT)
    found["interrupt"] = yes(run("x + 2")[0]["status"] == "ok")
    request = c.complete("x = target.DW")
    reply = c.get_shell_msg(timeout=LIMIT)
    found["completion"] = yes(reply["content"]["matches"] == ["DW4"])
    c.stop_channels()
    manager.shutdown_kernel()
    return found


def console():
    """jupyter console, in a terminal."""
    env = {**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}
    t = pexpect.spawn(str(BIN / "jupyter"), ["console", "--kernel", "eqflow", "--simple-prompt"],
                      env=env, timeout=LIMIT, encoding="utf-8", dimensions=(50, 200))
    prompt = r"In \[\d+\]: "

    def run(line):
        t.sendline(line)
        t.expect(prompt)
        return ANSI.sub("", t.before)

    found = {}
    t.expect(prompt)
    run("x := 20")
    text = run("x + 1")
    found["value kept"] = yes("21" in text)
    found["last expression"] = yes("Out[2]: 21" in text)
    found["error text"] = yes("line 1: no such file" in run(FAILURE))
    found["picture"] = yes("png" in run(PICTURE), "its text: a terminal has no pictures")
    t.sendline("var name string; fmt.Scanln(&name); fmt.Println(name)")
    time.sleep(3)
    t.sendline("Ada")
    t.expect(prompt)
    found["input"] = yes("Ada" in t.before)
    t.sendline("fmt.Println(\"be\" + \"gun\"); <-ctx.Done(); x")
    t.expect("begun")
    t.sendintr()
    t.expect(prompt)
    found["interrupt"] = yes("21" in run("x + 1"))
    t.sendeof()
    t.close(force=True)
    found["completion"] = completed_in_console(env)
    return found


def completed_in_console(env):
    t = pexpect.spawn(str(BIN / "jupyter"), ["console", "--kernel", "eqflow"], env=env, timeout=LIMIT,
                      encoding="utf-8", dimensions=(50, 200))
    t.expect(r"In \[")
    time.sleep(5)
    t.send("strings.Repea\t")
    time.sleep(2)
    t.send("(\"ab\", 2)\r")
    try:
        t.expect("abab", timeout=20)
        return "yes"
    except pexpect.TIMEOUT:
        return "no"
    finally:
        t.close(force=True)


def from_notebook(execute):
    """The features of a program that runs notebooks. execute returns the run notebook, or the text
    of its failure."""
    run = execute(notebook("x := 20", "x + 1", PICTURE, INPUT))
    assert not isinstance(run, str), run
    out = outputs(run)
    found = {"value kept": yes('"21"' in out[1]), "last expression": yes("execute_result" in out[1])}
    failed = execute(notebook(FAILURE))
    found["error text"] = yes(isinstance(failed, str) and "cell 1, line 1: no such file" in ANSI.sub("", failed))
    found["picture"] = yes("image/png" in out[2])
    found["input"] = yes("typed Ada" in out[3], "end of the input: nobody can type"
                         if "typed" in out[3] else "no")
    found["completion"] = "nobody types"
    return found


def nbclient():
    """nbclient, by its Python interface."""
    import nbclient as library

    def execute(nb, **more):
        try:
            return library.NotebookClient(nb, kernel_name="eqflow", **{"timeout": LIMIT, **more}).execute()
        except library.exceptions.CellExecutionError as e:
            return str(e)

    found = from_notebook(execute)
    nb = execute(notebook("x := 1", SLOW, "x"), timeout=3, interrupt_on_timeout=True)
    found["interrupt"] = yes(not isinstance(nb, str) and "stopped" in outputs(nb)[1] and '"1"' in outputs(nb)[2])
    return found


def nbconvert():
    """jupyter nbconvert --execute."""
    def execute(nb, *more):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "a.ipynb"
            nbformat.write(nb, path)
            r = subprocess.run([BIN / "jupyter", "nbconvert", "--execute", "--to", "notebook", "--output", "b",
                                *more, path], capture_output=True, text=True, timeout=2 * LIMIT)
            return nbformat.read(Path(folder) / "b.ipynb", 4) if r.returncode == 0 else r.stderr

    found = from_notebook(execute)
    nb = execute(notebook("x := 1", SLOW, "x"), "--ExecutePreprocessor.timeout=3",
                 "--ExecutePreprocessor.interrupt_on_timeout=True")
    found["interrupt"] = yes(not isinstance(nb, str) and "stopped" in outputs(nb)[1] and '"1"' in outputs(nb)[2])
    return found


def papermill():
    """papermill, by its Python interface."""
    import papermill as library

    def execute(nb, **more):
        with tempfile.TemporaryDirectory() as folder:
            path, to = Path(folder) / "a.ipynb", Path(folder) / "b.ipynb"
            nbformat.write(nb, path)
            try:
                library.execute_notebook(path, to, progress_bar=False, kernel_name="eqflow", **more)
            except library.PapermillExecutionError as e:
                return str(e)
            except Exception as e:  # noqa: BLE001: such as the time-out
                return f"{type(e).__name__}: {e}"
            return nbformat.read(to, 4)

    found = from_notebook(execute)
    nb = execute(notebook("x := 1", SLOW, "x"), execution_timeout=3, interrupt_on_timeout=True)
    found["interrupt"] = yes(not isinstance(nb, str) and "stopped" in outputs(nb)[1] and '"1"' in outputs(nb)[2],
                             "it ends the kernel")
    return found


def jupyter_run():
    """jupyter run FILE.go ..."""
    def spawn(*sources):
        folder = tempfile.mkdtemp()
        paths = []
        for i, source in enumerate(sources):
            path = Path(folder) / f"{i}.go"
            path.write_text(source)
            paths.append(str(path))
        return pexpect.spawn(str(BIN / "jupyter"), ["run", "--kernel", "eqflow", *paths], timeout=LIMIT,
                             encoding="utf-8", dimensions=(50, 200))

    def run(*sources):
        t = spawn(*sources)
        t.expect(pexpect.EOF)
        return ANSI.sub("", t.before)

    text = run("x := 20", "x + 1")
    found = {"value kept": yes("21" in text), "last expression": yes("21" in text)}
    found["error text"] = yes("cell 1, line 1: no such file" in run(FAILURE))
    found["picture"] = yes("png" in run(PICTURE), "its text: a terminal has no pictures")
    t = spawn(INPUT)
    t.sendline("Ada")
    broken = "no: a mistake of jupyter_client 8.10, with every kernel"
    found["input"] = ["yes", broken, "no"][t.expect(["typed Ada", "in _stdin_hook_default", pexpect.EOF])]
    t.close(force=True)
    t = spawn(SLOW)
    t.expect("begun")
    t.kill(signal.SIGINT)
    try:
        t.expect("stopped", timeout=10)
        found["interrupt"] = "yes"
    except (pexpect.TIMEOUT, pexpect.EOF):
        found["interrupt"] = "no: " + ANSI.sub("", str(t.before))[-300:]
    t.close(force=True)
    found["completion"] = "nobody types"
    return found


FRONTS = {
    "jupyter_client, as in VS Code": client, "jupyter console": console, "nbclient": nbclient,
    "jupyter nbconvert": nbconvert, "papermill": papermill, "jupyter run": jupyter_run,
}


def main():
    table = {}
    for name, front in FRONTS.items():
        if len(sys.argv) > 1 and sys.argv[1] not in name:
            continue
        try:
            table[name] = front()
        except Exception as e:  # noqa: BLE001: a front end that fails is a row too
            table[name] = {"failed": f"{type(e).__name__}: {e}"}
        print(name, table[name], file=sys.stderr, flush=True)
    json.dump(table, sys.stdout)


main()
