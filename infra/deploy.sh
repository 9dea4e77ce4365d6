#!/bin/sh
# Makes the resources, publishes the package, and switches the upstream on. Can be run again at any time.
#
# usage: infra/deploy.sh RESOURCE_GROUP NAME [PARAMETER=VALUE ...]
#
# The parameters are those of infra/main.bicep. Needs `az`, signed in, and what `cargo xtask package` needs, unless FUNCTION_APP_ZIP names
# a zip that it has made.
set -eu
cd "$(dirname "$0")/.."

if [ "$#" -lt 2 ]; then
  sed -n 's/^# usage: /usage: /p' "$0" >&2
  exit 2
fi
group=$1
name=$2
shift 2

# deploy UPSTREAM PARAMETER...: prints the name of the app.
deploy() {
  upstream=$1
  shift
  az deployment group create --resource-group "$group" --name signalr-functions \
    --template-file infra/main.bicep --parameters name="$name" upstream="$upstream" "$@" \
    --query properties.outputs.appName.value --output tsv
}

# An upstream that is on stays on while the resources are made again: its key is there already.
app=$(az deployment group show --resource-group "$group" --name signalr-functions \
  --query properties.outputs.appName.value --output tsv 2>/dev/null || true)
if [ -n "$app" ] && infra/has-key.sh "$group" "$app"; then
  deploy on "$@" >/dev/null
else
  app=$(deploy off "$@")
fi

infra/publish.sh "$group" "$app" ${FUNCTION_APP_ZIP:+"$FUNCTION_APP_ZIP"}

infra/await-key.sh "$group" "$app"
deploy on "$@" >/dev/null
echo "https://$(az functionapp show --resource-group "$group" --name "$app" --query defaultHostName --output tsv)"
