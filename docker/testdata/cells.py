"""Runs cells in a kernel of a running JupyterLab and prints their output.

    cells.py URL TOKEN      reads the cells from stdin, as a JSON list
"""
import asyncio
import json
import sys
import time
import urllib.request
import uuid

from tornado.websocket import websocket_connect

url, token = sys.argv[1:]


def call(path, body):
    headers = {"Authorization": "token " + token, "Content-Type": "application/json"}
    return json.load(urllib.request.urlopen(urllib.request.Request(url + path, json.dumps(body).encode(), headers)))


def request(code):
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request",
              "session": "test", "username": "", "version": "5.3", "date": ""}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    return {"channel": "shell", "header": header, "parent_header": {}, "metadata": {},
            "content": content, "buffers": []}


async def main():
    kernel = call("/api/kernels", {"name": "eqflow"})["id"]
    socket = await websocket_connect(f"{url.replace('http', 'ws')}/api/kernels/{kernel}/channels?token={token}")
    for code in json.load(sys.stdin):
        message, began = request(code), time.monotonic()
        await socket.write_message(json.dumps(message))
        while True:
            reply = json.loads(await socket.read_message())
            if reply["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            if reply["msg_type"] == "stream":
                print(reply["content"]["text"], end="")
            if reply["msg_type"] == "error":
                sys.exit("\n".join(reply["content"]["traceback"]))
            if reply["msg_type"] == "status" and reply["content"]["execution_state"] == "idle":
                break
        print(f"# {time.monotonic() - began:.1f} s")


asyncio.run(main())
