#!/bin/sh
# Whether the app has made the key with which SignalR Service calls it; the key itself is not shown.
#
# usage: infra/has-key.sh RESOURCE_GROUP APP
set -eu
found=$(az functionapp keys list --resource-group "$1" --name "$2" \
  --query "systemKeys.signalr_extension != null" --output tsv 2>/dev/null || true)
[ "$found" = true ] || [ "$found" = True ]
