#!/bin/sh
# Whether the app has made the key with which SignalR Service calls it; the key itself is not shown. 0: it has. 1: it has not. 2: it cannot
# be asked, and `az` has said why.
#
# usage: infra/has-key.sh RESOURCE_GROUP APP
set -eu
found=$(az functionapp keys list --resource-group "$1" --name "$2" \
  --query "systemKeys.signalr_extension != null" --output tsv) || exit 2
case $found in
  [Tt]rue) ;;
  [Ff]alse) exit 1 ;;
  *) echo "\`$2\` does not say which keys it has" >&2; exit 2 ;;
esac
