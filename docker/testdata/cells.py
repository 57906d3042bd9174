"""Runs cells in a kernel of a JupyterLab that listens, and prints what each shows: cells.py URL TOKEN, cells as a JSON list on stdin."""
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
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": "test", "username": "", "version": "5.3", "date": ""}
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
    return {"channel": "shell", "header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": []}


async def main():
    kernel = call("/api/kernels", {"name": "eqflow"})["id"]
    socket = await websocket_connect(f"{url.replace('http', 'ws')}/api/kernels/{kernel}/channels?token={token}")
    for code in json.load(sys.stdin):
        asked, began = request(code), time.monotonic()
        await socket.write_message(json.dumps(asked))
        while True:
            said = json.loads(await socket.read_message())
            if said["parent_header"].get("msg_id") != asked["header"]["msg_id"]:
                continue
            if said["msg_type"] == "stream":
                print(said["content"]["text"], end="")
            if said["msg_type"] == "error":
                sys.exit("\n".join(said["content"]["traceback"]))
            if said["msg_type"] == "status" and said["content"]["execution_state"] == "idle":
                break
        print(f"# {time.monotonic() - began:.1f} s")


asyncio.run(main())
