#!/bin/sh
# Waits until the app has made the key with which SignalR Service calls it, which it does when it has started.
#
# usage: infra/await-key.sh RESOURCE_GROUP APP
set -eu
here=$(dirname "$0")
host=$(az functionapp show --resource-group "$1" --name "$2" --query defaultHostName --output tsv)
attempts=30
while [ "$attempts" -gt 0 ]; do
  # A call has the app start, should nobody else have called it.
  curl --silent --output /dev/null --max-time 20 "https://$host/api/negotiate" || true
  # An app that is starting cannot always be asked yet.
  if problem=$("$here/has-key.sh" "$1" "$2" 2>&1); then
    exit 0
  fi
  attempts=$((attempts - 1))
  sleep 10
done
if [ -n "$problem" ]; then
  echo "for five minutes nobody could say whether the app has made its key \`signalr_extension\`: $problem" >&2
  exit 2
fi
echo "the app has made no key \`signalr_extension\` in five minutes; see \"Troubleshooting\" in docs/deploy.md" >&2
exit 1
