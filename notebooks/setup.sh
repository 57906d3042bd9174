#!/bin/sh
# Points the module of a notebook's cells at the clone around the notebook, so that the cells
# compile against the clone without network. The first cell of each notebook runs this script in the
# folder of the cells' go.mod; GONB_DIR is the notebook's folder. Outside a clone the kernel
# "eqflow (Go)" names its own code, and stock GoNB has none.
set -eu
module=github.com/eqflow/gonb-eqflow
root=$(dirname "$(go -C "$GONB_DIR" env GOMOD)")
if ! grep -qs "^module $module\$" "$root/go.mod"; then
  root=${EQFLOW_ROOT:-}
  if [ -z "$root" ]; then
    echo "$GONB_DIR is not inside a clone of $module:" \
      "run 'git clone https://$module', and open the notebook there" >&2
    exit 1
  fi
fi
cp "$root/go.mod" "$root/go.sum" .
chmod u+w go.mod go.sum
go mod edit -module=notebook -replace="$module=$root" -require="$module@v0.0.0"
