"""The tests of github.com/runtimed/kernel-testbed (BSD-3-Clause), ported from Rust.

Each test has the name that it has there. Where a kernel passes there with an empty answer, such as
a completion without matches, it fails here. Prints a line for each test, and exits with 1 if any
has failed.
"""

import sys
import time
import uuid
from queue import Empty

import zmq
from jupyter_client.manager import start_new_kernel

LIMIT = 60

GO = {
    "print_hello": 'fmt.Println("hello")',
    "print_stderr": 'fmt.Fprintln(os.Stderr, "error")',
    "simple_expr": "1 + 1",
    "incomplete_code": "func foo(",
    "complete_code": "x := 1",
    "syntax_error": "func func",
    "input_prompt": 'gonbui.RequestInput("Enter: ", false)\nvar typed string\nfmt.Scanln(&typed)\ntyped',
    "completion_var": "testVariableForCompletion",
    "completion_setup": "testVariableForCompletion := 42",
    "completion_prefix": "testVariableFor",
    "display_data": 'gonbui.DisplayHtml("<b>bold</b>")',
    "update_display_data": 'id := gonbui.UniqueId()\ngonbui.UpdateHtml(id, "<b>initial</b>")\n'
    'gonbui.UpdateHtml(id, "<b>updated</b>")',
    "rich_execute_result": "type bold string\nfunc (b bold) HTML() string { return "
    '"<b>" + string(b) + "</b>" }\nbold("text")',
}


class Kernel:
    """A running kernel, with what a front end sees of a request."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(kernel_name="eqflow", startup_timeout=LIMIT)

    def reply(self, message_id, channel="shell"):
        get = {"shell": self.client.get_shell_msg, "control": self.client.get_control_msg}[channel]
        end = time.monotonic() + LIMIT
        while True:
            m = get(timeout=max(0.1, end - time.monotonic()))
            if m["parent_header"].get("msg_id") == message_id:
                return m

    def until_idle(self, message_id):
        """Returns the published messages of a request up to its idle status."""
        messages, end = [], time.monotonic() + LIMIT
        while True:
            m = self.client.get_iopub_msg(timeout=max(0.1, end - time.monotonic()))
            if m["parent_header"].get("msg_id") != message_id:
                continue
            messages.append(m)
            if m["msg_type"] == "status" and m["content"]["execution_state"] == "idle":
                return messages

    def run(self, code, typed=None):
        message_id = self.client.execute(code, allow_stdin=typed is not None)
        self.asked = []
        if typed is not None:
            self.asked.append(self.client.get_stdin_msg(timeout=LIMIT))
            self.client.input(typed)
        return self.reply(message_id), self.until_idle(message_id)

    def control(self, kind, content):
        m = self.client.session.msg(kind, content)
        self.client.control_channel.send(m)
        return self.reply(m["header"]["msg_id"], "control")

    def shell(self, kind, content):
        m = self.client.session.msg(kind, content)
        self.client.shell_channel.send(m)
        return m["header"]["msg_id"]


def contents(messages, kind):
    return [m["content"] for m in messages if m["msg_type"] == kind]


def text(messages, name):
    return "".join(c["text"] for c in contents(messages, "stream") if c["name"] == name)


def heartbeat_responds(k):
    info = k.client.get_connection_info()
    socket = zmq.Context.instance().socket(zmq.REQ)
    socket.linger = 0
    socket.connect(f"tcp://{info['ip']}:{info['hb_port']}")
    socket.send(b"ping")
    assert socket.poll(5000), "no echo"
    assert socket.recv() == b"ping"


def iopub_welcome(k):
    info = k.client.get_connection_info()
    socket = zmq.Context.instance().socket(zmq.SUB)
    socket.linger = 0
    socket.connect(f"tcp://{info['ip']}:{info['iopub_port']}")
    socket.subscribe(b"")
    assert socket.poll(5000), "no welcome"
    _, frames = k.client.session.feed_identities(socket.recv_multipart())
    m = k.client.session.deserialize(frames)
    assert m["msg_type"] == "iopub_welcome" and m["content"]["subscription"] == "", m


def info(k):
    return k.reply(k.client.kernel_info())["content"]


def kernel_info_reply_valid(k):
    assert info(k)["status"] == "ok"


def kernel_info_has_language_info(k):
    assert info(k)["language_info"]["name"] == "go"


def kernel_info_has_protocol_version(k):
    assert info(k)["protocol_version"].startswith("5.")


def execute_stdout(k):
    assert text(k.run(GO["print_hello"])[1], "stdout") == "hello\n"


def execute_stderr(k):
    assert text(k.run(GO["print_stderr"])[1], "stderr") == "error\n"


def execute_reply_ok(k):
    assert k.run(GO["complete_code"])[0]["content"]["status"] == "ok"


def status_busy_idle_lifecycle(k):
    states = [c["execution_state"] for c in contents(k.run(GO["complete_code"])[1], "status")]
    assert states == ["busy", "idle"], states


def execute_input_broadcast(k):
    echo = contents(k.run(GO["complete_code"])[1], "execute_input")
    assert [c["code"] for c in echo] == [GO["complete_code"]], echo


def complete_request(k):
    k.run(GO["completion_setup"])
    c = k.reply(k.client.complete(GO["completion_prefix"]))["content"]
    assert c["status"] == "ok" and c["matches"] == [GO["completion_var"]] and c["cursor_start"] == 0, c


def inspect_request(k):
    k.run(GO["completion_setup"])
    c = k.reply(k.client.inspect(GO["completion_var"]))["content"]
    assert c["status"] == "ok" and c["found"] and "42" in c["data"]["text/plain"], c


def is_complete_complete(k):
    assert k.reply(k.client.is_complete(GO["complete_code"]))["content"]["status"] == "complete"


def is_complete_incomplete(k):
    assert k.reply(k.client.is_complete(GO["incomplete_code"]))["content"]["status"] == "incomplete"


def history_request(k):
    k.run(GO["complete_code"])
    c = k.reply(k.client.history(hist_access_type="tail", n=10, raw=True, output=False))["content"]
    assert c["status"] == "ok" and c["history"][-1][2] == GO["complete_code"], c


def comm_info_request(k):
    c = k.reply(k.client.comm_info())["content"]
    assert c["status"] == "ok" and c["comms"] == {}, c


def error_handling(k):
    reply, messages = k.run(GO["syntax_error"])
    assert reply["content"]["status"] == "error" and reply["content"]["ename"] == "CompileError", reply
    assert contents(messages, "error")[0]["evalue"].startswith("cell "), messages


def display_data(k):
    shown = contents(k.run(GO["display_data"])[1], "display_data")
    assert [c["data"]["text/html"] for c in shown] == ["<b>bold</b>"], shown


def update_display_data(k):
    messages = k.run(GO["update_display_data"])[1]
    first, later = contents(messages, "display_data"), contents(messages, "update_display_data")
    assert first[0]["transient"] == later[0]["transient"], messages
    assert later[0]["data"]["text/html"] == "<b>updated</b>", later


def execute_result(k):
    assert contents(k.run(GO["simple_expr"])[1], "execute_result")[0]["data"] == {"text/plain": "2"}


def rich_execute_result(k):
    data = contents(k.run(GO["rich_execute_result"])[1], "execute_result")[0]["data"]
    assert data == {"text/plain": "text", "text/html": "<b>text</b>"}, data


def stdin_input_request(k):
    reply, messages = k.run(GO["input_prompt"], typed="test_input_42")
    assert k.asked[0]["content"] == {"prompt": "Enter: ", "password": False}, k.asked
    assert reply["content"]["status"] == "ok", reply
    assert contents(messages, "execute_result")[0]["data"]["text/plain"] == "test_input_42"


def comms_lifecycle(k):
    comm = {"comm_id": uuid.uuid4().hex, "target_name": "jupyter.kernel_testbed.test", "data": {}}
    messages = k.until_idle(k.shell("comm_open", comm))
    assert [c["comm_id"] for c in contents(messages, "comm_close")] == [comm["comm_id"]], messages
    known = {"comm_id": uuid.uuid4().hex, "target_name": "gonb_comm", "data": {}}
    k.shell("comm_open", known)
    comms = k.reply(k.client.comm_info())["content"]["comms"]
    assert comms == {known["comm_id"]: {"target_name": "gonb_comm"}}, comms
    k.shell("comm_close", {"comm_id": known["comm_id"], "data": {}})
    assert k.reply(k.client.comm_info())["content"]["comms"] == {}


def interrupt_request(k):
    message_id = k.client.execute("<-ctx.Done()\npanic(ctx.Err())")
    time.sleep(2)
    assert k.control("interrupt_request", {})["content"]["status"] == "ok"
    assert k.reply(message_id)["content"]["ename"] == "Interrupted"


def execution_count_increments(k):
    first, second = [k.run(GO["complete_code"])[0]["content"]["execution_count"] for _ in range(2)]
    assert second == first + 1, (first, second)


def parent_header_correlation(k):
    message_id = k.client.execute(GO["print_hello"])
    reply, messages = k.reply(message_id), k.until_idle(message_id)
    ids = {m["parent_header"]["msg_id"] for m in [reply, *messages]}
    assert ids == {message_id} and len(messages) == 4, messages


def shutdown_reply(k):
    m = k.client.session.msg("shutdown_request", {"restart": False})
    k.client.control_channel.send(m)
    replies, end = [], time.monotonic() + 5
    while time.monotonic() < end and (k.manager.is_alive() or not replies):
        try:
            replies.append(k.client.get_control_msg(timeout=0.2))
        except Empty:
            pass
    replies = [r for r in replies if r["msg_type"] == "shutdown_reply"]
    assert [r["content"] for r in replies] == [{"status": "ok", "restart": False}], replies
    assert not k.manager.is_alive(), "the kernel still runs"


TESTS = [
    heartbeat_responds, iopub_welcome, kernel_info_reply_valid, kernel_info_has_language_info,
    kernel_info_has_protocol_version, execute_stdout, execute_stderr, execute_reply_ok,
    status_busy_idle_lifecycle, execute_input_broadcast, complete_request, inspect_request,
    is_complete_complete, is_complete_incomplete, history_request, comm_info_request, error_handling,
    display_data, update_display_data, execute_result, rich_execute_result, stdin_input_request,
    comms_lifecycle, interrupt_request, execution_count_increments, parent_header_correlation,
    shutdown_reply,
]


def main():
    k, failed = Kernel(), 0
    for test in TESTS:
        try:
            test(k)
            print(f"pass {test.__name__}", flush=True)
        except Exception as e:  # noqa: BLE001: a failure of any kind is a line
            failed += 1
            print(f"FAIL {test.__name__}: {type(e).__name__}: {e}", flush=True)
    print(f"{len(TESTS) - failed} of {len(TESTS)}")
    k.client.stop_channels()
    k.manager.shutdown_kernel(now=True)
    sys.exit(1 if failed else 0)


main()
