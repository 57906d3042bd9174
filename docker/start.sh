#!/bin/sh
# Copies the notebooks into the persistent folder, except those that are there already, and starts
# JupyterLab. JupyterLab generates a token and prints it, unless JUPYTER_TOKEN holds one.
set -eu
saved=$(pwd)
if [ ! -w "$saved" ]; then
  echo "user $(id -u) cannot write into $saved:" \
    "give the folder that is mounted there to this user, or mount a named volume" >&2
  exit 1
fi
# Each notebook begins with setup.sh, which belongs to the code of the image.
for notebook in ../notebooks/*.ipynb; do
  [ -e "${notebook##*/}" ] || cp "$notebook" .
done
cp ../notebooks/setup.sh .
exec jupyter lab --no-browser --ip=0.0.0.0 --ServerApp.port_retries=0 --ServerApp.root_dir="$saved"
