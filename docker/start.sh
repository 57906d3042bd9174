#!/bin/sh
# Brings the notebooks into the folder that is kept, those that are not there yet, and becomes JupyterLab.
# JupyterLab makes up a token and prints it, unless JUPYTER_TOKEN has one.
set -eu
saved=$(pwd)
if [ ! -w "$saved" ]; then
  echo "$saved cannot be written by user $(id -u): give the folder that is mounted there to that user, or mount a named volume" >&2
  exit 1
fi
for notebook in ../notebooks/*.ipynb; do
  [ -e "${notebook##*/}" ] || cp "$notebook" .
done
exec jupyter lab --no-browser --ip=0.0.0.0 --ServerApp.port_retries=0 --ServerApp.root_dir="$saved"
