#!/bin/sh
# Builds and checks the package, and publishes it.
#
# usage: infra/publish.sh RESOURCE_GROUP APP [ZIP]
#
# A zip that is given was made and checked before, by `cargo xtask package`.
set -eu
cd "$(dirname "$0")/.."
zip=${3:-target/package/function-app.zip}
if [ "$#" -lt 3 ]; then
  cargo xtask package --output "$zip"
fi
# The package is complete: nothing is to be built there.
az functionapp deployment source config-zip --resource-group "$1" --name "$2" --src "$zip" --build-remote false
