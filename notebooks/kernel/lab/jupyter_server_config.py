# Written by `eqflow lab`. The file browser leaves out the folders that EQFLOW_LAB_HIDES names, one
# between two colons. `eqflow lab` names the folders of Go code beside the notebooks of a clone.
import os

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

hidden = [name for name in os.environ.get("EQFLOW_LAB_HIDES", "").split(":") if name]


class NotebooksManager(AsyncLargeFileManager):
    async def _dir_model(self, path, content=True):
        model = await super()._dir_model(path, content=content)
        if content and not path.strip("/"):
            model["content"] = [entry for entry in model["content"] if entry["name"] not in hidden]
        return model


if hidden:
    c.ServerApp.contents_manager_class = NotebooksManager
