"""Lets papermill write parameters in Go.

papermill inserts a cell behind the cell that is tagged "parameters". Here the cell declares one
variable a line, `var steps = 42`. In the kernel "eqflow (Go)" this is an assignment, since a name
that is declared again with the same type is the same variable. In stock GoNB the later declaration
replaces the earlier one.
"""

import json
import math
import re

from papermill.engines import NBClientEngine
from papermill.models import Parameter
from papermill.translators import Translator, papermill_translators


def go_type(value):
    """Returns the Go type of a parameter. Whole and broken numbers together are float64."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float64"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "[]" + common_type(value)
    if isinstance(value, dict):
        return "map[string]" + common_type(value.values())
    raise TypeError(f"a parameter of Go is a number, a text, a bool, a list or a map, not {value!r}")


def common_type(values):
    types = {go_type(value) for value in values}
    if types == {"int", "float64"}:
        return "float64"
    return types.pop() if len(types) == 1 else "any"


class GoTranslator(Translator):
    @classmethod
    def translate_none(cls, val):
        raise TypeError("a parameter of Go cannot be null; give a value, or leave the parameter out")

    @classmethod
    def translate_int(cls, val):
        if not -(2**63) <= val < 2**63:
            raise OverflowError(f"{val} does not fit into an int of Go; give it as a number with a point")
        return str(val)

    @classmethod
    def translate_float(cls, val):
        if math.isnan(val):
            return "math.NaN()"
        if math.isinf(val):
            return "math.Inf(1)" if val > 0 else "math.Inf(-1)"
        return repr(val)  # with a point or an exponent, so that Go takes a float64

    @classmethod
    def translate_str(cls, val):
        return json.dumps(val, ensure_ascii=False)  # JSON's escapes are Go's

    @classmethod
    def translate_list(cls, val):
        return go_type(val) + "{" + ", ".join(cls.translate(v) for v in val) + "}"

    @classmethod
    def translate_dict(cls, val):
        items = (f"{cls.translate_str(str(k))}: {cls.translate(v)}" for k, v in val.items())
        return go_type(val) + "{" + ", ".join(items) + "}"

    @classmethod
    def comment(cls, cmt_str):
        return f"// {cmt_str}"

    @classmethod
    def assign(cls, name, str_val):
        return f"var {name} = {str_val}"

    declaration = re.compile(r"^\s*(?:var\s+)?(\w+)\s*([^=:]*?)\s*:?=\s*(.*?)\s*(?://\s*(.*))?$")

    @classmethod
    def inspect(cls, parameters_cell):
        """Reads the parameters of the tagged cell, for `papermill --help-notebook`."""
        found = []
        for line in parameters_cell["source"].splitlines():
            match = cls.declaration.match(line)
            if match and not line.lstrip().startswith("//"):
                name, kind, default, text = match.groups()
                found.append(Parameter(name, kind or "None", default, text or ""))
        return found


class Engine(NBClientEngine):
    """papermill's own engine; its entry point is what imports this module."""


papermill_translators.register("go", GoTranslator)
