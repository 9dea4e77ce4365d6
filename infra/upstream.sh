#!/bin/sh
# Says what the resources are to be made with: `on` where SignalR Service calls the app already, `off` where there is none yet. What is on
# is never switched off for a while, and where Azure cannot be asked this fails instead of guessing.
#
# usage: infra/upstream.sh RESOURCE_GROUP NAME
set -eu
case $(az group exists --name "$1") in
  [Tt]rue) ;;
  [Ff]alse) echo off; exit ;;
  *) echo "nobody says whether there is a resource group \`$1\`" >&2; exit 2 ;;
esac
service=$(az resource list --resource-group "$1" --resource-type Microsoft.SignalRService/signalR \
  --query "[?starts_with(name, '$2-signalr-')].name" --output tsv)
if [ -z "$service" ]; then
  echo off
  exit
fi
count=$(az resource show --resource-group "$1" --resource-type Microsoft.SignalRService/signalR --name "$service" \
  --query "length(properties.upstream.templates || \`[]\`)" --output tsv)
case $count in
  0) echo off ;;
  '' | *[!0-9]*) echo "\`$service\` does not say whether it has an upstream" >&2; exit 2 ;;
  *) echo on ;;
esac
