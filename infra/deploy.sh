#!/bin/sh
# Makes the resources, publishes the package, and switches the upstream on. Can be run again at any time.
#
# usage: infra/deploy.sh RESOURCE_GROUP NAME [PARAMETER=VALUE ...]
#
# The parameters are in infra/main.parameters.json, and infra/main.bicep explains them; those that are given here count for this run alone.
# Needs `az`, signed in, and what `cargo xtask package` needs, unless FUNCTION_APP_ZIP names a zip that it has made.
set -eu
cd "$(dirname "$0")/.."

if [ "$#" -lt 2 ]; then
  sed -n 's/^# usage: /usage: /p' "$0" >&2
  exit 2
fi
group=$1
name=$2
shift 2

location=${AZURE_LOCATION:-$(az group show --name "$group" --query location --output tsv)}
parameters=$(mktemp)
trap 'rm -f "$parameters"' EXIT

# deploy UPSTREAM PARAMETER...: prints the name of the app. The blanks of the file are filled in as azd fills them in.
deploy() {
  sed -e "s/\${AZURE_ENV_NAME}/$name/" -e "s/\${AZURE_LOCATION}/$location/" -e "s/\${SIGNALR_UPSTREAM=off}/$1/" \
    infra/main.parameters.json >"$parameters"
  shift
  # What comes later wins. Each app in a group has deployments of its own.
  az deployment group create --resource-group "$group" --name "signalr-functions-$name" \
    --template-file infra/main.bicep --parameters "@$parameters" "$@" \
    --query properties.outputs.appName.value --output tsv
}

upstream=$(infra/upstream.sh "$group" "$name")
app=$(deploy "$upstream" "$@")

infra/publish.sh "$group" "$app" ${FUNCTION_APP_ZIP:+"$FUNCTION_APP_ZIP"}

infra/await-key.sh "$group" "$app"
deploy on "$@" >/dev/null
echo "https://$(az functionapp show --resource-group "$group" --name "$app" --query defaultHostName --output tsv)"
